"""Starts the transform-worker."""

from vai_common.boot import serve
from vai_transform_worker.settings import Settings
from vai_transform_worker.wiring import running

if __name__ == "__main__":
    serve("transform-worker", Settings, running)
