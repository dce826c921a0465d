"""Attacks on images by labels alone: how near an example comes after so many queries."""
