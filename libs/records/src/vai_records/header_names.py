"""Names of HTTP headers that nobody gives: neither a definition nor a connection."""

from collections.abc import Iterable

_FRAMING = ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")

RESERVED = frozenset(
    (*_FRAMING, "accept-encoding", "idempotency-key", "proxy-connection", "traceparent", "tracestate"),
)
"""The platform sets them itself, or they frame the message. In lower case."""


def reserved_among(names: Iterable[str]) -> list[str]:
    """Those that nobody gives, as they are spelled."""
    return sorted(name for name in names if name.lower() in RESERVED)
