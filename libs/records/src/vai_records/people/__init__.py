"""Organisations, the people in them, and what they come in with."""
