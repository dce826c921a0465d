"""Floor 0: the vocabulary every room shares. Standard library and msgspec only."""
