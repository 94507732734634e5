"""Heavy runs: the fork server, a child for each run, and how they talk."""
