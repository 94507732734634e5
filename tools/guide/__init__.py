"""Builds the guide: docs/ as a site, which the gateway serves at /guide (decision 81)."""
