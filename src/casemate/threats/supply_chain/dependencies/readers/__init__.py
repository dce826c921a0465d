"""Readers of files that name dependencies: one a format, each pure: bytes in, dependencies out."""
