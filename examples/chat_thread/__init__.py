"""A conversation with an agent becomes an automation; see README.md."""
