"""How a source pages, and whether all its pages came."""
