"""Starts the run-dispatcher."""

from common.boot import serve
from run_dispatcher.handlers import running
from run_dispatcher.settings import Settings

if __name__ == "__main__":
    serve("run-dispatcher", Settings, running)
