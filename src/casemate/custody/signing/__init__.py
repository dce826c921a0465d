"""Signatures of model files and folders: OpenSSF model-signing bundles, classical or hybrid, and policies that judge them.

names      which file names can be signed                 tree          files of a folder, hashed through one descriptor
manifest   the signed statement (OMS v1.0)                bundle        the sigstore bundle around it
envelope   DSSE with the signatures others expect         certificates  chains of X.509
policy     what a verifier asks for, as data              judge         the verdict: pure, a state machine
sign       sealing                                        verify        reading from disk what ``judge`` judges
"""
