"""Adversarial examples: small changes of an input that turn the model's answer, and what they cost the attacker."""
