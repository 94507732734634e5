"""Flashboards: REST, pages, files and links (docs/flashboards.md)."""
