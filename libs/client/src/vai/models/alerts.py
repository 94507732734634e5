"""What the platform answers about alert rules and alerts, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime

from .answers import Answer, Json


@dataclass(frozen=True, kw_only=True)
class AlertRule(Answer):
    """What people are told, and where. `channel` is without its secrets; its `secrets` names those that are set."""

    id: str
    name: str
    tells: list[str]
    channel: Json
    created_at: datetime
    updated_at: datetime
    is_active: bool = True
    filters: Json = field(default_factory=dict)
    gather_seconds: int = 0
    pause_seconds: int = 0
    late_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class Alert(Answer):
    """A message of a rule. `error` says why the last attempt failed, or what of it was not delivered."""

    id: str
    rule_id: str
    rule: str
    status: str
    created_at: datetime
    is_test: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    attempts: int = 0
    due_at: datetime | None = None
    sent_at: datetime | None = None
    error: Json | None = None
