"""Starts the scheduler."""

from common.boot import serve
from scheduler.handlers import running
from scheduler.settings import Settings

if __name__ == "__main__":
    serve("scheduler", Settings, running)
