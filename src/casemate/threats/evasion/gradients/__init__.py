"""Attacks that follow gradients."""
