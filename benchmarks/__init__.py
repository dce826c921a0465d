"""One script a claim; ``python -m benchmarks`` runs them all and writes docs/benchmarks.md."""
