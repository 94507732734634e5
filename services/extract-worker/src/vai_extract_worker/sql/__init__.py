"""The source `sql_database`: tables and views of Postgres, MySQL, MariaDB and SQLite."""
