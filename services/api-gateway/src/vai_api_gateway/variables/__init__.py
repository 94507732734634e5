"""Routes: variables and secrets of an organisation."""
