"""Signers, verifiers and where their keys live."""
