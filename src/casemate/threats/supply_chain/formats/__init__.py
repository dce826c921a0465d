"""Parsers of single files: each reads one format, reports facts and covered bytes, and judges nothing."""
