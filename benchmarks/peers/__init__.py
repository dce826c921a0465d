"""Peers that benchmarks compare with, each in an environment of its own; none is a dependency of casemate."""
