"""Upkeep of the lake's tables: small files are put together, old versions go; no run, and no reader, notices."""
