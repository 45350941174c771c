"""Benchmarks: `python -m tests.bench NAME [--json] [--full]` prints measurements, never part of the tests."""
