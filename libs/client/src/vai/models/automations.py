"""What the platform answers about automations, typed (document 002); see `models.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from .answers import ENDED, Answer, Json, RunError, etag_of

AutomationRunStatus = Literal["running", "completed", "failed", "cancelled"]
StepState = Literal[
    "waiting", "running", "awaiting_approval", "completed", "failed", "cancelled", "rejected", "skipped"
]


@dataclass(frozen=True, kw_only=True)
class Step(Answer):
    """A step as it was saved; `depends_on` holds keys, or `{"step": …, "port": …}`."""

    key: str
    name: str | None = None
    action: Json = field(default_factory=dict)
    depends_on: list[Any] = field(default_factory=list, metadata={"key": "depends_on"})
    condition: Json = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """What it does; None where that is in a saved action."""
        return self.action.get("kind")

    @property
    def waits_for(self) -> list[tuple[str, str | None]]:
        """The steps that it waits for, each with the port by which it must have ended."""
        return [(one, None) if isinstance(one, str) else (one["step"], one.get("port")) for one in self.depends_on]


@dataclass(frozen=True, kw_only=True)
class LatestAutomationRun(Answer):
    """The newest run of an automation, in short."""

    run_id: str
    status: AutomationRunStatus
    display_status: str
    triggered_by: str
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Automation(Answer):
    """A trigger, conditions and steps. `next_run_at`: when its schedule fires next; `webhook_url`: where it listens."""

    id: str
    name: str
    slug: str
    status: str
    trigger: Json
    steps: list[Step]
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    enabled: bool = True
    conditions: list[Json] = field(default_factory=list)
    inputs: Json = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    expose: bool = False
    max_parallel: int | None = field(default=None, metadata={"key": "max_parallel"})
    next_run_at: datetime | None = None
    next_runs: list[datetime] = field(default_factory=list)
    webhook_url: str | None = None
    version_id: str | None = None
    error: RunError | None = None
    latest_run: LatestAutomationRun | None = None
    source_type: str | None = None
    source_id: str | None = None
    created_by: str | None = None
    updated_by: str | None = None

    @property
    def etag(self) -> str:
        """For `if_match` of `update`: changes with every change."""
        return etag_of(self.updated_at)


@dataclass(frozen=True, kw_only=True)
class ActionRun(Answer):
    """The run of a step; `result` is there only where one automation run was asked for."""

    step_key: str
    run_id: str
    kind: str
    status: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    result: Json | None = None
    error: RunError | None = None


@dataclass(frozen=True, kw_only=True)
class StepOfRun(Answer):
    """The state of a step of an automation run. `reason` says why it was skipped."""

    key: str
    kind: str
    state: StepState
    name: str | None = None
    port: str | None = None
    reason: str | None = None
    run_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: RunError | None = None

    @property
    def duration_seconds(self) -> float | None:
        """How long it took; None where it did not run or still does."""
        return _between(self.started_at, self.completed_at)


@dataclass(frozen=True, kw_only=True)
class AutomationError(RunError):
    """Why an automation run failed: the error of its first step that did, or its own (no `step`)."""

    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class AutomationRun(Answer):
    """An automation run: the result of one trigger. `steps`, `inputs` and `event` are empty in lists."""

    identity: ClassVar[str] = "runId"

    run_id: str
    automation_id: str
    status: AutomationRunStatus
    display_status: str
    triggered_by: str
    created_at: datetime
    action_runs: list[ActionRun] = field(default_factory=list)
    steps: list[StepOfRun] = field(default_factory=list)
    scheduled_for: datetime | None = None
    backfill_id: str | None = None
    inputs: Json = field(default_factory=dict)
    event: Json | None = None
    labels: dict[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    reason: str | None = None
    error: AutomationError | None = None
    retry_of: str | None = None
    retry_from: str | None = None
    version_id: str | None = None
    parent_action_run_id: str | None = None
    created_by: str | None = None

    @property
    def id(self) -> str:
        """Its id, under the name that everything else has it."""
        return self.run_id

    @property
    def ended(self) -> bool:
        """True once the status is terminal: it will not change any more."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """True if it completed, also where its conditions filtered it out (`display_status`)."""
        return self.status == "completed"

    @property
    def duration_seconds(self) -> float | None:
        """From its first look to its end."""
        return _between(self.started_at, self.completed_at)

    def action_run(self, step_key: str) -> ActionRun | None:
        """The run of a step, where it has one."""
        return next((each for each in self.action_runs if each.step_key == step_key), None)


@dataclass(frozen=True, kw_only=True)
class AutomationVersion(Answer):
    """What an automation said at a time; `number` counts from 1. `steps` and the rest are empty in lists."""

    id: str
    number: int
    is_current: bool
    step_count: int
    created_at: datetime
    created_by: str | None = None
    steps: list[Step] = field(default_factory=list)
    inputs: Json = field(default_factory=dict)
    conditions: list[Json] = field(default_factory=list)
    max_parallel: int | None = field(default=None, metadata={"key": "max_parallel"})
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChangedPlace(Answer):
    """A place that is different: `steps`, the step's key, and so on. None stands for nothing there."""

    identity: ClassVar[str] = "place"

    place: list[Any]
    change: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


@dataclass(frozen=True, kw_only=True)
class Difference(Answer):
    """The changes from `base` (None: from nothing) to `version`."""

    identity: ClassVar[str] = "version"

    version: AutomationVersion
    changes: list[ChangedPlace]
    base: AutomationVersion | None = None
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class BackfilledTime(Answer):
    """A time of a schedule. `is_new`: the call made its automation run, or would have without `dry_run`."""

    identity: ClassVar[str] = "scheduledFor"

    scheduled_for: datetime
    is_new: bool
    run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Backfill(Answer):
    """What came of making up for past times; `times` are all of the range, the oldest first."""

    identity: ClassVar[str] = "automationId"

    automation_id: str
    since: datetime
    until: datetime
    dry_run: bool
    made: int
    times: list[BackfilledTime]
    backfill_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class MadeBackfill(Answer):
    """A request that made up for past times, and how many of its automation runs stand where."""

    id: str
    automation_id: str
    since: datetime
    until: datetime
    status: Literal["running", "cancelling", "cancelled", "failed", "completed"]
    made: int
    waiting: int
    running: int
    completed: int
    failed: int
    cancelled: int
    created_at: datetime
    created_by: str | None = None
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())
