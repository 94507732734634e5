"""A seller's account at Amazon in bronze."""
