"""Adversarial examples against tabular models."""
