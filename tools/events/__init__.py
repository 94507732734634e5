"""Draws docs/events.md and docs/asyncapi.yaml from proto/: what is published, read with the comments beside it."""
