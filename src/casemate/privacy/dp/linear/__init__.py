"""Linear models that are trained privately: full-batch gradient descent on whole numbers, or objective perturbation."""
