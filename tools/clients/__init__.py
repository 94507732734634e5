"""Clients made by generators from the API's own description: they compile, and they work."""
