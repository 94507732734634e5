"""Starts the watchdog."""

from vai_common.boot import serve
from vai_watchdog.handlers import running
from vai_watchdog.settings import Settings

if __name__ == "__main__":
    serve("watchdog", Settings, running)
