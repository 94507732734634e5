"""Starts the watchdog."""

from vai_common.boot import serve
from vai_watchdog.settings import Settings
from vai_watchdog.wiring import running

if __name__ == "__main__":
    serve("watchdog", Settings, running)
