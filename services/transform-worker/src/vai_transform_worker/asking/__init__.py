"""Questions about the lake that change nothing: queries, and descriptions of tables."""
