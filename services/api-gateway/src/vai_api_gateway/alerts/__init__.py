"""Routes: an organisation's alert rules, and the alerts that they have sent (docs/alerts.md)."""
