"""Where an S3 bucket is: region, endpoint and bucket are words of a known form, before anything connects by them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

_REGION = re.compile(r"[a-z0-9-]{1,32}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_AWS = ".amazonaws.com"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Place:
    """`endpoint` is `https://host[:port]`, empty for Amazon's own, which the region then names."""

    region: str
    endpoint: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Place":
        """From a connection's `region` and `endpoint_url`. Raises ValueError that says which of them is none."""
        region = config.get("region") or "us-east-1"
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise ValueError("region is lower-case letters, digits and hyphens, at most 32")
        endpoint = config.get("endpoint_url") or ""
        return cls(region, _endpoint(endpoint) if endpoint else "")

    def is_at(self, host: str, port: int) -> bool:
        """Whether a host (lower case) and port are this place's own."""
        if not self.endpoint:
            return port == 443 and host.endswith(_AWS)
        parts = urlsplit(self.endpoint)
        return (host, port) == (parts.hostname, parts.port or _PORTS[parts.scheme])


def bucket_of(path: str) -> str:
    """What stands for the bucket in `s3://bucket/key`."""
    return path.removeprefix("s3://").partition("/")[0]


def key_of(path: str) -> str:
    """What stands for the key in `s3://bucket/key`: all of it, since a key may have `?`, `#` and `%`."""
    return path.removeprefix("s3://").partition("/")[2]


def check_bucket(name: str) -> None:
    """Raises ValueError for what cannot be a bucket's name."""
    if not _BUCKET.fullmatch(name) or ".." in name or _is_address(name):
        raise ValueError("a bucket's name is 3 to 63 lower-case letters, digits, dots and hyphens")


def _endpoint(value: Any) -> str:
    """The origin of an address that is nothing but an origin."""
    fault = ValueError("endpoint_url is https://host or https://host:port, without user, path, query or fragment")
    if not isinstance(value, str) or "\\" in value:
        raise fault
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise fault from None
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or parts.path not in ("", "/") or port == 0:
        raise fault
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise fault
    return f"{parts.scheme}://{parts.netloc}".lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
