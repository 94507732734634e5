"""The source `filesystem`, and the formats of its files."""
