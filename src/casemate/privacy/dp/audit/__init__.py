"""Attacks on a claim of privacy: whether what was released tells more than the claim allows.

one_run     how many right guesses about the canaries of one run refute a claim, whatever the mechanism
descent     an attack on private training of networks: canaries, and what releases show of the code
separation  how well canaries are told apart that do not disturb each other: sharper, where that is so
"""
