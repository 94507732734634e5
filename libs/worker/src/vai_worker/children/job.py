"""What a heavy run's child process is told, over its pipe and nowhere else (rule 12)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ConnectionSecret:
    """A connection with its credentials decrypted; lives only as long as the run that uses it.

    With OAuth 2 they hold the `access_token`, and nothing that it was got with; from `renew_at` (seconds since 1970) on
    another one is asked for.
    """

    id: str
    slug: str
    provider: str
    config: dict[str, Any]
    credentials: dict[str, Any] = field(repr=False)
    renew_at: float | None = None


@dataclass(frozen=True)
class Job:
    """What a heavy run is told. `prepared` is what the kind's `prepare` returned, `checkpoint` its last."""

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
