"""Linear models that are trained privately by full-batch gradient descent on whole numbers."""
