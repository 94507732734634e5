"""All that a heavy run's child process gets to know. It comes over its socket, and no other way (rule 12)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ConnectionSecret:
    """A connection with its credentials decrypted. It lives only as long as the run that uses it.

    With OAuth 2 they hold the `access_token`, but neither the client's secret nor the refresh token. From `renew_at`
    (seconds since 1970) on a new one is asked for.
    """

    id: str
    slug: str
    provider: str
    config: dict[str, Any]
    credentials: dict[str, Any] = field(repr=False)
    renew_at: float | None = None


@dataclass(frozen=True)
class Job:
    """A heavy run. `prepared` is what the kind's `prepare` returned, `checkpoint` the last one that was saved."""

    run_id: str
    org_id: str
    epoch: int
    attempt: int
    kind: str
    definition: dict[str, Any]  # as JSON: the child reads it with its kind's model
    connection: ConnectionSecret | None
    checkpoint: dict[str, Any] | None
    lake_url: str
    prepared: dict[str, Any]
    named_secrets: tuple[str, ...] = field(default=(), repr=False)
