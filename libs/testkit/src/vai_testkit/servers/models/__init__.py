"""A server that speaks the protocols of model providers, and says what the test's script says."""
