"""Definitions held against their rules, and their write-only values."""
