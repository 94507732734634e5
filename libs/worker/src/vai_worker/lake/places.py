"""Where the lake is: addresses under `lake_url` (file:///… or s3://…), and the keys to it. The extract-worker, which
writes bronze, and the transform-worker, which reads it, both use this module."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

# What object_store (deltalake) and DuckDB's httpfs both understand.
_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
)


@dataclass(frozen=True)
class Lake:
    """The lake, or one organisation's part of it."""

    url: str
    org_id: str = ""

    def options(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The keys to the lake; empty for a local one."""
        if not self.is_remote:
            return {}
        options = {name: environment[name] for name in _NAMES if environment.get(name)}
        if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
        return options

    @property
    def allows_http(self) -> bool:
        """Whether the store is used without TLS."""
        return self.options().get("AWS_ALLOW_HTTP") == "true"

    @property
    def is_remote(self) -> bool:
        return self.url.startswith("s3://")

    @property
    def root(self) -> str:
        """The lake's address as DuckDB and deltalake read it: a folder for file://, else the URL."""
        root = self.url.rstrip("/")
        return root if self.is_remote else unquote(root.removeprefix("file://"))

    def address(self, path: str) -> str:
        """The full address of a path that is relative to the lake."""
        return f"{self.root}/{path}"

    def url_of(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"

    def relative(self, path: str) -> str | None:
        """A path from SQL, relative to the lake; None where it leaves this organisation's part of it."""
        for root in (self.url.rstrip("/"), self.root):
            if path.startswith(f"{root}/"):
                path = path[len(root) + 1 :]
                break
        parts = path.rstrip("/").split("/")
        if parts[0] != self.org_id or any(part in ("", ".", "..") for part in parts):
            return None
        return "/".join(parts)
