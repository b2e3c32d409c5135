"""The benchmark: ``python -m bench`` (``make bench``) measures what a user gets and writes docs/benchmarks.md."""
