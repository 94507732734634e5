"""Starts the watchdog."""

from common.boot import serve
from watchdog.handlers import running
from watchdog.settings import Settings

if __name__ == "__main__":
    serve("watchdog", Settings, running)
