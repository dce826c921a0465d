"""Private training of torch modules: clipped sums of gradients in one pass."""
