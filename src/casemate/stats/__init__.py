"""Intervals, tests, power and curves that keep their promise with few observations and rare events."""
