"""Catalogs, control queries, verdicts, the case and every report format. Pure: a ledger view in, bytes out."""
