"""Waiting until a run, or an automation run, has ended."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

from vai.call import LONGEST_WAIT, Call, Conversation, Pause, held
from vai.errors import ServerUnreachable, Unavailable
from vai.models.answers import Run
from vai.models.automations import AutomationRun

R = TypeVar("R", Run, AutomationRun)

ABSENCES = 20  # failures in a row, each after the client's own retries, before waiting for a run is given up


def until_ended(get: Callable[[int], Call[R]], timeout: float | None = None) -> Conversation[R]:
    """The object that `get` asks for, when it has ended. After `timeout` seconds, as it is then.

    The server holds each answer for up to a minute, so there is no polling. A server that does not hold answers is
    asked every half second. If the server is away for a while, for example during an update, the wait goes on.
    """
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    known: R | None = None
    absences = 0
    while True:
        asked_at = time.monotonic()
        hold = held(min(deadline - asked_at, LONGEST_WAIT))
        try:
            known, absences = (yield get(hold)), 0
        except (ServerUnreachable, Unavailable):
            absences += 1
            if known is None or absences > ABSENCES:
                raise
        now = time.monotonic()
        if known.ended or now >= deadline:
            return known
        if absences or now - asked_at < hold - 1 or hold == 0:
            yield Pause(min(2.0 if absences else 0.5, deadline - now))
