"""Who asks: API keys, signed tokens, the OIDC issuer's tokens, and the roles that routes demand."""
