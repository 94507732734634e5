"""Fakes, builders, clocks and fixtures for tests; never shipped."""
