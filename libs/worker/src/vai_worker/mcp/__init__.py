"""Servers of the Model Context Protocol: what tools they have, and one call of one; the SDK is loaded late."""
