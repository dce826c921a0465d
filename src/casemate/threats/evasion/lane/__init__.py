"""A car that keeps its lane by a camera and a network, stickers on the road, and what they do to the drive.

A simulation: a procedural road, a pinhole camera over a plane, a kinematic car. Nothing else is claimed.
"""
