"""A model as something that can be asked: access enforced, queries counted."""
