"""Starts the extract-worker."""

from vai_common.boot import serve
from vai_extract_worker.settings import Settings
from vai_extract_worker.wiring import running

if __name__ == "__main__":
    serve("extract-worker", Settings, running)
