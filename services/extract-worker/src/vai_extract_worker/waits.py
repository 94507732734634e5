"""Waiting in the child process. A wait ends early if somebody asks the run to stop."""

import threading

import requests

from vai_common.clock import steady_seconds
from vai_worker.children.link import MAY_PAUSE, Link

_LOOK_SECONDS = 0.2
_PAUSE_LOOK_SECONDS = 1.0


def wait(seconds: float, link: Link) -> None:
    """Wait. Raises `Stop` soon after somebody asked the run to stop."""
    pause, until = threading.Event(), steady_seconds() + seconds
    while (left := until - steady_seconds()) > 0:
        link.check()
        pause.wait(min(left, _LOOK_SECONDS))
    link.check()


def rest(seconds: float, link: Link) -> None:
    """A long wait in which no uncommitted rows can be lost. So a pause takes effect during it, not only at a commit."""
    until = steady_seconds() + seconds
    while (left := until - steady_seconds()) > 0:
        link.ask(MAY_PAUSE, {})
        wait(min(left, _PAUSE_LOOK_SECONDS), link)


class Pace:
    """Keeps at least `interval` seconds between two requests, of all threads together (pre-emptive rate limiting,
    document 000).
    """

    def __init__(self, interval: float, link: Link) -> None:
        self.interval = interval
        self._link = link
        self._next = 0.0
        self._turn = threading.Lock()

    def keep(self) -> None:
        """Wait for one's turn."""
        if self.interval:
            while not self._turn.acquire(timeout=_LOOK_SECONDS):
                self._link.check()
            try:
                wait(self._next - steady_seconds(), self._link)
                self._next = steady_seconds() + self.interval
            finally:
                self._turn.release()

    def heard(self, response: requests.Response) -> None:
        """Called when an answer has come, whatever its status is."""

    def close(self) -> None:
        """Called when no more requests follow."""
