"""Additive models that are boosted on noisy sums of residuals, one feature at a time."""
