"""An append-only Merkle log of signed statements, and the encrypted blobs they name."""
