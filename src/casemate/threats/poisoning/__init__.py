"""Corrupted training data: what flipped labels do to a model, the ranking that finds them, and cleansing by it."""
