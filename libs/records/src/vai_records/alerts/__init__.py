"""Alerts for people: an organisation's rules, what is to be told, and the messages (docs/alerts.md, decision 70)."""
