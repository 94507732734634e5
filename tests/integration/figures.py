"""What tests measure by the way: how long a recovery took."""

from collections.abc import Callable

Figure = Callable[[str, float], None]
