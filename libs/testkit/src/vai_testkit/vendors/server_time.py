"""The time of a vendor's server, which a test can let run faster, stop, or move on."""

from datetime import datetime, timedelta

from vai_common.clock import now, steady_seconds


class ServerTime:
    """`pace`: so many of its seconds in one of ours; 0: it stands still but for `advance`."""

    def __init__(self, pace: float = 1.0) -> None:
        self._pace = pace
        self._began = now().replace(microsecond=0)
        self._since = steady_seconds()
        self._moved = timedelta()

    def now(self) -> datetime:
        return self._began + self._moved + timedelta(seconds=(steady_seconds() - self._since) * self._pace)

    def advance(self, seconds: float) -> None:
        self._moved += timedelta(seconds=seconds)
