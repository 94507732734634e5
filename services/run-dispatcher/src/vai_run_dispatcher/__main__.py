"""Starts the run-dispatcher."""

from vai_common.boot import serve
from vai_run_dispatcher.settings import Settings
from vai_run_dispatcher.wiring import running

if __name__ == "__main__":
    serve("run-dispatcher", Settings, running)
