"""The query of a transform: what it may do, and what it runs on."""
