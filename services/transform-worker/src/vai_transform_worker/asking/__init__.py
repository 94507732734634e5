"""Questions about the lake that change nothing: queries, and what its tables hold."""
