"""The source `rest_api`."""
