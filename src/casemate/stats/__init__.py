"""Intervals, tests, power and curves that cover what they claim. numpy and scipy only."""
