"""Dependencies: what is named, whether it is known to be vulnerable, looks like something else, or runs by itself."""
