"""What the platform answers about variables and secrets, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from .answers import Answer, Json


@dataclass(frozen=True, kw_only=True)
class Secret(Answer):
    """Without its value. `used_by` names saved actions, automations and agents; lists leave it out."""

    identity: ClassVar[str] = "name"

    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    updated_by: str | None = None
    used_by: list[Json] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Variable(Secret):
    """With its value."""

    value: Any = None
