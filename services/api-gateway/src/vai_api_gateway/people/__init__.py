"""Routes about people: sign-in, users, API keys, the organisation."""
