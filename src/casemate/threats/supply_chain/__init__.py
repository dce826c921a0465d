"""What a model, a data set or a dependency smuggles in: told without running any of it."""
