"""Routes: how the installation is, as far as an organisation's administrator may see it (decision 72)."""
