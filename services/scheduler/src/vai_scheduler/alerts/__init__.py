"""Alerts for people: news are gathered into messages, and messages are sent (docs/alerts.md)."""
