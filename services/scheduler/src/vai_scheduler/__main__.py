"""Starts the scheduler."""

from vai_common.boot import serve
from vai_scheduler.settings import Settings
from vai_scheduler.wiring import running

if __name__ == "__main__":
    serve("scheduler", Settings, running)
