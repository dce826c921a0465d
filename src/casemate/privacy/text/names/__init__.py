"""Names of people, places and organizations: a linear tagger without any per-word Python."""
