"""Starts the transform-worker."""

from common.boot import serve
from transform_worker.handlers import running
from transform_worker.settings import Settings

if __name__ == "__main__":
    serve("transform-worker", Settings, running)
