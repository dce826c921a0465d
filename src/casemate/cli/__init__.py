"""One file a verb, lazily imported; the only place that prints or exits."""
