"""Dependencies: what lock files and environments name, whether it is known to be vulnerable, looks like something else, or
runs code when it is installed."""
