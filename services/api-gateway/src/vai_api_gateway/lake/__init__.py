"""Routes about the tables of the lake."""
