"""The driver's own test suite as a measure of the local database. `python -m tests.conformance` runs it."""
