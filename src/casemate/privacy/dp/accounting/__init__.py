"""What releases spend together: events, the accountant that reads them, and what a budget buys.

events      what was done: Gaussian, Laplace, Poisson, Approximate, Repeated
accountant  Accountant: epsilon at a delta, delta at an epsilon
planning    noise_for, steps_for
book        Book: budgets of data sets in a ledger, paid before they are used
below: pairs (what an outcome tells), losses (composition on a grid)
"""
