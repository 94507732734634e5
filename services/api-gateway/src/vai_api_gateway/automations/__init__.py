"""Routes about automations and their runs."""
