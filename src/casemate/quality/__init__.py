"""What a defense costs: accuracy overall and by group, and calibration."""
