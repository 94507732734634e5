"""What Postgres holds, one module per noun."""
