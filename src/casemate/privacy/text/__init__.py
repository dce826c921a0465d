"""Personal data and secrets in text: found, replaced, and brought back by those who may."""
