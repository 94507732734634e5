"""Runs: the statements that make, claim, end and read them."""
