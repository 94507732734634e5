"""The lifecycle of a run: its moves, and the statements that make them."""
