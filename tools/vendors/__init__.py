"""Has the vendors' own client libraries read the servers that our tests take for the vendors: `make check-vendors`."""
