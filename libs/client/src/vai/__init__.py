"""The Python client and the vai command line."""
