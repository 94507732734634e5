"""`python -m vai` is the `vai` command line."""

from .cli import app

app(prog_name="vai")
