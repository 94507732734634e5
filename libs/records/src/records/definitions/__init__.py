"""What a run of each kind is told to do: one typed schema a kind."""
