"""Starts the api-gateway."""

from api_gateway.handlers import running
from api_gateway.settings import Settings
from common.boot import serve

if __name__ == "__main__":
    serve("api-gateway", Settings, running)
