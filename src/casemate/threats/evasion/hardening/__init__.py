"""Training that makes networks harder to fool: module in, module out."""
