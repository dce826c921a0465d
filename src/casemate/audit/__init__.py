"""Plan, run, pair: which assessments fit, in what order, on which workers, and what the ledger keeps of them."""
