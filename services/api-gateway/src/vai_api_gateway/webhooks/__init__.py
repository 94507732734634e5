"""Webhooks that come in: their path, their signature, their intake."""
