"""Artifacts at rest: the load guard, which scans the bytes it is about to load."""
