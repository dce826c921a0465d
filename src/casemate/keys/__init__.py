"""Floor 1: signers, verifiers, their files, and the envelopes they sign.

signing   the interfaces, key ids, public key text     ed25519, ecdsa, ml_dsa   the algorithms, a file each
text      keys to and from text                        files             private keys on disk (0600)
dsse      signed envelopes
"""
