"""The query of a transform: which SQL is allowed, and the engine that runs it."""
