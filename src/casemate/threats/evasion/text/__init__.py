"""Evasion of text classifiers: what an attacker can write, what a canonical form takes away, and what is left."""
