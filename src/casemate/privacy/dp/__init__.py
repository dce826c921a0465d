"""Differential privacy: mechanisms whose noise can be trusted, what they spend, and models made of them."""
