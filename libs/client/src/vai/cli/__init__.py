"""The `vai` command line: commands in `app.py`, what they print in `show.py`, how they follow a run in `follow.py`."""

from .app import app

__all__ = ["app"]
