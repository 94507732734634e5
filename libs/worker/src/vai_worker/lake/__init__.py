"""Where the lake is, its files, and what its store allows."""
