"""Encryption keys, and what must not be shown."""
