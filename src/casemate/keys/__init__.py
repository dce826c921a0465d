"""Floor 1: signers, verifiers, their files, the envelopes they sign, and key services.

signing   the interfaces, key ids, public key text     ed25519, ecdsa, ml_dsa   the algorithms, a file each
text      keys to and from text                        files             private keys on disk (0600)
dsse      signed envelopes                         services, uri     key services, and the texts that name them
kek_file, hpke, transit, aws_kms, pkcs11           the key services, a file each
"""
