"""Providers that are no source of data: what the config of a connection says where it does not say it itself."""

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

MCP: Final = "mcp"
TAVILY: Final = "tavily"
GOOGLE_DRIVE: Final = "google_drive"

_DEFAULTS: Final[Mapping[str, Json]] = {
    TAVILY: {
        "base_url": "https://api.tavily.com",
        "auth": {"type": "api_key", "name": "Authorization", "prefix": "Bearer"},
        "test_path": "usage",
    },
    GOOGLE_DRIVE: {
        "base_url": "https://www.googleapis.com",
        "auth": {
            "type": "oauth2_jwt_bearer",
            "access_token_url": "https://oauth2.googleapis.com/token",
            "scope": "https://www.googleapis.com/auth/drive",
        },
        "test_path": "drive/v3/about?fields=user",
    },
}


def provider_config(provider: str, given: Mapping[str, Any]) -> Json:
    """The config with the defaults of its provider for what it leaves out."""
    return {**_DEFAULTS.get(provider, {}), **{name: value for name, value in given.items() if value is not None}}
