"""Model theft: how many questions it takes to copy a model."""
