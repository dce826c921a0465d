"""Data sets as they lie on disk: hashes, schema, duplicates, provenance, license."""
