"""The fixtures of a fresh database a test, and nothing of the rest of `testkit.database`."""

from testkit.database import database_url, postgres_server

__all__ = ["database_url", "postgres_server"]
