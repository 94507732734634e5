"""Reads our test servers with the vendors' own client libraries, to see that they behave like the vendors: `make
check-vendors`.
"""
