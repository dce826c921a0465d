"""Corrupted training labels: the attack, the ranking that finds it, the cleansing."""
