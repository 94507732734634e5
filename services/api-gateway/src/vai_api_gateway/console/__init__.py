"""Serves the console: the page of browsers and its files."""
