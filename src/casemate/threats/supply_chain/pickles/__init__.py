"""Pickle streams: an abstract machine that follows them without making anything, and the names it may meet."""
