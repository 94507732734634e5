"""The main job on real data: a flights API, bronze, silver, gold, and what the platform says meanwhile (`make demo`)."""
