"""Flashboards: what tiles and parameters may be, and what is kept of them (docs/flashboards.md, decision 55)."""
