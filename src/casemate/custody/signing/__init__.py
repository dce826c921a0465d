"""Signatures of model files and folders: OpenSSF model-signing bundles, classical or hybrid, and their policies.

names       which file names can be signed          tree        files of a folder, hashed through one descriptor
manifest    the signed statement (OMS v1.0)         bundle      the sigstore bundle around it
envelope    DSSE with the signatures others expect  signatures  which trusted keys made them
certificates  chains of X.509                       strict      JSON with one reading and one spelling
policy      what a verifier asks for, as data       judge       the verdict: pure, a state machine
place       where a seal lies                       home        the keys that seal
sign        sealing                                 verify      reading from disk what ``judge`` judges
vouch       the seal as a verifier of the load guard
"""
