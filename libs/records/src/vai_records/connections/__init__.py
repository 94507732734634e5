"""Connections: where an action works, and with which credentials."""
