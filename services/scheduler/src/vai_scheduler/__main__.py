"""Starts the scheduler."""

from vai_common.boot import serve
from vai_scheduler.handlers import running
from vai_scheduler.settings import Settings

if __name__ == "__main__":
    serve("scheduler", Settings, running)
