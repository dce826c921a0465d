"""Secrets in repositories, notebooks, configurations and models' metadata: found by patterns, never repeated."""
