"""The tables of the lake as DuckDB reads them: for transforms, and for people who look at a table."""
