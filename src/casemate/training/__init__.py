"""Recipes, batched shadow pools and leave-one-out influence."""
