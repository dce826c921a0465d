"""Readers: a fitted model of each library as an ``Ensemble``."""
