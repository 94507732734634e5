"""Benchmarks: figures, and ratios of what was measured in one run. `make bench`, or `python -m bench NAME…`."""
