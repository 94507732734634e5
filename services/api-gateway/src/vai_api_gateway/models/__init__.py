"""Language models: which there are, and whether a provider answers."""
