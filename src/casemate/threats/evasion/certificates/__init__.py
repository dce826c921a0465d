"""Certificates: what no adversary within a radius can do, by linear relaxations, branch and bound, or smoothing."""
