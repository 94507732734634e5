"""Turns the values of a source into columns, unchanged."""
