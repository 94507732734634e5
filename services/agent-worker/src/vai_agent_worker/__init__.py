"""Calls to the outside: HTTP requests, searches, pages and agents."""
