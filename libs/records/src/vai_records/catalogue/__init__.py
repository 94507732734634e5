"""Actions, and the names by which things are referred to."""
