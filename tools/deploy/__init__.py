"""Tools of deployment: dashboards, alerts."""
