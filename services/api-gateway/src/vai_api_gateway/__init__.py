"""The REST API, streams and authentication."""
