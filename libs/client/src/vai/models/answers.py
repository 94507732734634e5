"""What the platform answers, typed. Each class keeps the JSON that it came from in `raw`.

Names are those of documents 001, 003 and 004 in Python's spelling (`displayStatus` is `display_status`). Keys that this
version does not know are left in `raw`; a key that is missing takes the field's default, or the answer is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Literal, Self, get_origin, get_type_hints

from vai.errors import UnexpectedAnswer

Json = dict[str, Any]
RunStatus = Literal["pending", "awaiting_approval", "running", "completed", "failed", "cancelled", "rejected"]
Level = Literal["info", "warning", "error"]

ENDED: frozenset[str] = frozenset({"completed", "failed", "cancelled", "rejected"})
LEVELS: tuple[Level, ...] = ("info", "warning", "error")


def etag_of(updated_at: datetime) -> str:
    """As the gateway makes it: the microseconds of the last change."""
    return f'"{round(updated_at.timestamp() * 1_000_000)}"'


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Anything read from an answer."""

    identity: ClassVar[str] = "id"
    """The key that identifies an object in a list."""

    raw: Json = field(repr=False, compare=False)

    @classmethod
    def read(cls, data: Any) -> Self:
        """Raises UnexpectedAnswer where `data` lacks a key that has no default, or a value has another type."""
        try:
            known = {name: take(data[key]) for name, key, take, needed in _plan(cls) if needed or key in data}  # type: ignore[arg-type] # a class is hashable
            return cls(raw=data, **known)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnexpectedAnswer(f"this is not a {cls.__name__}: {error!r}") from error


Step = tuple[str, str, Callable[[Any], Any], bool]


@cache
def _plan(cls: Any) -> tuple[Step, ...]:
    hints = get_type_hints(cls)
    return tuple(
        (each.name, each.metadata.get("key") or _camel(each.name), _taker(hints[each.name]), _needed(each))
        for each in fields(cls)
        if each.name != "raw"
    )


def _needed(each: Any) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _taker(hint: Any) -> Callable[[Any], Any]:
    if hint == datetime:
        return datetime.fromisoformat
    if hint == datetime | None:
        return lambda text: None if text is None else datetime.fromisoformat(text)
    if hint == list[datetime]:
        return lambda texts: [datetime.fromisoformat(text) for text in texts]
    if isinstance(hint, type) and issubclass(hint, Answer):
        return hint.read
    nested = next((part for part in getattr(hint, "__args__", ()) if _is_answer(part)), None)
    if nested and get_origin(hint) is list:
        return lambda data: [nested.read(each) for each in data]
    return (lambda data: None if data is None else nested.read(data)) if nested else lambda value: value


def _is_answer(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Answer)


@dataclass(frozen=True, kw_only=True)
class RunError(Answer):
    """Why a run failed (document 000, "Error Handling"); `code` is one of its six words."""

    code: str
    message: str = ""
    details: Json = field(default_factory=dict)
    retryable: bool = False


@dataclass(frozen=True, kw_only=True)
class Run(Answer):
    """An action, carried out once (document 003). `duration_seconds` is in seconds."""

    id: str
    kind: str
    status: RunStatus
    display_status: str
    created_at: datetime
    updated_at: datetime
    definition: Json
    trigger_method: str
    action_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_seconds: float | None = None
    progress: Json | None = None
    result: Json | None = None
    error: RunError | None = None
    retry_count: int = 0
    interrupt_count: int = 0
    concurrency_key: str | None = None
    idempotency_key: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    scheduled_for: datetime | None = None
    approval_values: Json | None = None
    parent_action_run_id: str | None = None
    trigger_source_type: str | None = None
    trigger_source_id: str | None = None

    @property
    def ended(self) -> bool:
        """True once the status is terminal: it will not change any more."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """True if the run completed, with or without errors in single resources."""
        return self.status == "completed"

    @property
    def percent(self) -> float | None:
        """How far the run is, 0 to 100; None where its kind reports no progress."""
        return global_percent(self.progress)


@dataclass(frozen=True, kw_only=True)
class LatestRun(Answer):
    """The newest run of an action, in short."""

    id: str
    status: RunStatus
    definition: Json
    started_at: datetime | None = None
    completed_at: datetime | None = None
    progress: Json | None = None


@dataclass(frozen=True, kw_only=True)
class Action(Answer):
    """What to do on a connection (document 001)."""

    id: str
    name: str
    slug: str
    kind: str
    status: str
    definition: Json
    created_at: datetime
    updated_at: datetime
    connection_id: str | None = None
    template_id: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    expose: bool = False
    created_by: str | None = None
    updated_by: str | None = None
    latest_run: LatestRun | None = None

    @property
    def etag(self) -> str:
        """For `if_match` of `update`: changes with every change."""
        return etag_of(self.updated_at)


@dataclass(frozen=True, kw_only=True)
class LogEntry(Answer):
    """One entry of a run's log (document 004); `id` is the cursor that reading goes on from."""

    id: str
    level: Level
    event: str
    message: str
    occurred_at: datetime
    attempt: int = 1
    worker_id: str | None = None
    data: Json = field(default_factory=dict)

    def at_least(self, level: Level) -> bool:
        """True if the entry is as grave as `level`, or graver (decision 5)."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


@dataclass(frozen=True, kw_only=True)
class FoundEntry(LogEntry):
    """An entry that a search of all logs found, and its run: `id`, `kind`, `status`, `action`, `actionId`, `createdAt`.

    `parts` are the message, or what surrounds the first match in a long one: each has `text` and `isMatch`.
    """

    run: Json
    parts: list[Json] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Connection(Answer):
    """A connected service. Credentials are written, never read back; `max_running` limits its live runs."""

    id: str
    slug: str
    name: str
    provider: str
    status: str
    created_at: datetime
    updated_at: datetime
    config: Json = field(default_factory=dict)
    has_credentials: bool = False
    is_default: bool = False
    max_running: int | None = None
    last_error: RunError | None = None
    created_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConnectionTest(Answer):
    """What a connection test found: `ok`, and if not, what to do. `duration_seconds` is in seconds."""

    ok: bool
    message: str = ""
    error: RunError | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class User(Answer):
    """A person whom a list mentions."""

    id: str
    first_name: str | None = None
    last_name: str | None = None
    profile_picture_url: str | None = None


def global_percent(progress: Mapping[str, Any] | None) -> float | None:
    """The overall percentage of a progress of version 2, by the formula of document 000; None where there is none."""
    if not progress or not progress.get("resources_order"):
        return None
    done = len(progress.get("completed_resources") or ()) + len(progress.get("failed_resources") or ())
    cursors = progress.get("resource_cursors") or {}
    cursor = cursors.get(progress.get("in_progress_resource")) or {}
    total = cursor.get("slices_total")
    active = (cursor.get("slices_completed") or 0) / total if total else 0.0
    return min(100.0, (done + active) / len(progress["resources_order"]) * 100)
