"""What a model is worth and what a defense costs: accuracy overall and by group, ranking, calibration."""
