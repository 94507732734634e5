"""Chat threads: their messages, the branches that these form, and what an answer stands on."""
