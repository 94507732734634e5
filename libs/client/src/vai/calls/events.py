"""The calls about the public events."""

from collections.abc import Sequence
from datetime import datetime

from vai.call import API, Call, given
from vai.models.people import Replay


def replay(since: datetime, until: datetime | None = None, *, types: Sequence[str] | None = None) -> Call[Replay]:
    """Send the organisation's events of a time again, with the same ids; times need a zone. For administrators."""
    times = {"since": since.isoformat(), "until": until and until.isoformat()}
    return Call("POST", f"{API}/events/replay", Replay.read, body=given(**times, types=types and [*types]))
