"""The calls of the REST API as data, one module for each noun. The clients send them."""
