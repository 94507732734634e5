"""A stack under load, scraped by a real Prometheus: whether dashboards show what happens, and whether alerts fire."""
