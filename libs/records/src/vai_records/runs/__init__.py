"""Runs: made, claimed, ended, read."""
