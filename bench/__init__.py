"""Benchmarks: CPU time a request, as a ratio to a plain Flask answer measured in the same run."""
