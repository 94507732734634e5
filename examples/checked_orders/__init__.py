"""A transform with checks that stops bad rows and names them."""
