"""What each call of the REST API sends, as data; one module for each noun. The clients send it."""
