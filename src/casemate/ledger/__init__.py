"""Floor 2: an append-only Merkle log that others' tools can verify, and encrypted content beside it.

ledger     Ledger: create, open, append_many             blobs      Blobs: put, get, erase; keyring: their keys
statement  records: in-toto statements in DSSE           view       verify_folder: everything, without a key to write
reader     entries and proofs                            proofs     making and verifying proofs
below: note (checkpoints), merkle (RFC 6962), layout (tlog-tiles), edge, journal, recovery, disk
"""
