"""Attacks that see scores and nothing else."""
