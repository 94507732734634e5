"""The main job on real data: a flights API, bronze, silver, gold, and what the platform says of it: `make demo`."""
