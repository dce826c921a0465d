"""How little is enough: attacks that look for the nearest example, few pixels, one perturbation for all, or a patch."""
