"""Databases of others as they are read: Postgres, MySQL, MariaDB. What is shared by who extracts and who describes."""
