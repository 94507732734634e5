"""Postgres, the broker, and the programs that the stack runs."""
