"""Text normalization with an offset map; matching rules as data, and the engine that runs them."""
