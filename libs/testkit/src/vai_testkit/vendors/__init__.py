"""Servers that speak the protocols of vendors, each checked by the vendor's own client library."""
