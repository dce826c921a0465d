"""Evasion of tree ensembles: how far an input must move, exactly, and what can be proven about a model from it."""
