"""What the platform answers about who did what, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime

from .answers import Answer, Json


@dataclass(frozen=True, kw_only=True)
class AuditEntry(Answer):
    """An entry of the audit log. `outcome`: `done`, `refused`, `failed`, or `unknown` where nobody could say it."""

    id: str
    occurred_at: datetime
    actor: Json
    action: str
    target: Json
    outcome: str
    api_key: Json | None = None
    fields: list[str] = field(default_factory=list)
    address: str | None = None
    request_id: str | None = None
    status: int | None = None
