"""Tests of the formats of single files."""
