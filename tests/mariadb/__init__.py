"""The source `sql_database` and the connection test on a real MariaDB (`make test-mariadb`)."""
