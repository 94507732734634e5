"""Starts the extract-worker."""

from common.boot import serve
from extract_worker.handlers import running
from extract_worker.settings import Settings

if __name__ == "__main__":
    serve("extract-worker", Settings, running)
