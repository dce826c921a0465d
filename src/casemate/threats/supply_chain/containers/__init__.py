"""Walkers of files that hold files: archives and compressed streams. They yield members and judge nothing."""
