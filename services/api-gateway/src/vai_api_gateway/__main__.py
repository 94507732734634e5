"""Starts the api-gateway."""

from vai_api_gateway.settings import Settings
from vai_api_gateway.wiring import running
from vai_common.boot import serve

if __name__ == "__main__":
    serve("api-gateway", Settings, running)
