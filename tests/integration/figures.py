"""Figures that tests measure besides their checks, such as the time of a recovery."""

from collections.abc import Callable

Figure = Callable[[str, float], None]
