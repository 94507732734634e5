"""Routes of agents and of their runs."""
