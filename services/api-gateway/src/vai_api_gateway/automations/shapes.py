"""The REST shapes of automations and their runs (document 002; keys as decision 1 says)."""

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic import Field

from vai_api_gateway.http.shapes import Body, Json, Key, KindName, PageShape, Patch, ScheduledFor, Shape
from vai_api_gateway.problems import ProblemDetail
from vai_common.queries import Row
from vai_records.automations.body import AutomationParts
from vai_records.automations.plan import When
from vai_records.automations.run_reads import display_status
from vai_records.automations.schedule import following
from vai_records.catalogue.labels import Labels

AutomationStatus = Literal["active", "paused", "error"]
TriggerType = Literal["schedule", "webhook", "event", "manual"]
TriggeredBy = Literal["schedule", "webhook", "event", "manual", "automation"]
RunStatus = Literal["running", "completed", "failed", "cancelled"]
StepState = Literal[
    "waiting", "running", "awaiting_approval", "completed", "failed", "cancelled", "rejected", "skipped"
]
DisplayStatus = Literal[
    "scheduled", "queued", "running", "cancelling", "completed", "failed", "cancelled", "filtered", "skipped"
]
SortBy = Literal["name", "created_at", "updated_at", "status"]

AUTOMATION_STATUSES: tuple[str, ...] = get_args(AutomationStatus)
TRIGGER_TYPES: tuple[str, ...] = get_args(TriggerType)
TRIGGERED_BY: tuple[str, ...] = get_args(TriggeredBy)
RUN_STATUSES: tuple[str, ...] = get_args(RunStatus)

_COPIED = ("name", "description", "enabled", "expose", "labels", "conditions", "inputs", "steps", "max_parallel")
NEXT_TIMES = 3
"""Times of a schedule that are shown before they come."""
_STANDING = ("status", "outcome", "control", "started_at", "scheduled_for", "begins_now")


class StepConditionShape(Shape):
    type: When


class StepShape(Shape):
    """A step as it was understood; its keys are those of document 002."""

    key: str
    name: str | None
    action: Json
    depends_on: list[Any] = Field(alias="depends_on")
    condition: StepConditionShape


class LatestAutomationRunShape(Shape):
    run_id: UUID
    status: RunStatus
    display_status: DisplayStatus
    triggered_by: TriggeredBy
    started_at: datetime | None
    completed_at: datetime | None


class AutomationShape(Shape):
    """`webhookUrl` is where its webhook listens; `nextRunAt` when its schedule fires next.

    `webhooksIgnored` came while it was paused or in error, the last one at `webhookIgnoredAt`.
    """

    conditions: list[Json]
    created_at: datetime
    created_by: UUID | None
    description: str | None
    enabled: bool
    error: Json | None
    expose: bool = Field(description="Whether it is a tool over MCP.")
    id: UUID
    inputs: Json
    labels: dict[str, str] = Field(description="Its runs and those of its steps have them, too.")
    latest_run: LatestAutomationRunShape | None
    max_parallel: int = Field(alias="max_parallel")
    name: str
    next_run_at: datetime | None
    next_runs: list[datetime] = Field(description="The next three times of its schedule; in a list the first alone.")
    slug: str
    source_id: UUID | None = Field(description="The run of an agent that it was crystallized from.")
    source_type: Literal["manual", "crystallized"]
    status: AutomationStatus
    steps: list[StepShape]
    trigger: Json
    updated_at: datetime
    updated_by: UUID | None
    version_id: UUID
    webhook_ignored_at: datetime | None
    warnings: list[ProblemDetail] = Field(
        default=[], description="In the answer to a change: what may be saved and cannot work as it is."
    )
    webhook_url: str | None
    webhooks_ignored: int


class ListedAutomationShape(AutomationShape):
    """An automation as a list shows it: what is larger than 32 KiB is left out and said to be; `GET` of it has all.

    Without its definition it has no steps, inputs and conditions; without its trigger that one's type.
    """

    definition_truncated: bool = False
    error_truncated: bool = False
    trigger_truncated: bool = False


class AutomationsShape(PageShape):
    automations: list[ListedAutomationShape]


class ValidShape(Shape):
    """What would be saved."""

    valid: Literal[True]
    trigger: Json
    conditions: list[Json]
    inputs: Json
    steps: list[StepShape]
    max_parallel: int = Field(alias="max_parallel")
    next_runs: list[datetime] = Field(description="The first three times of a schedule.")
    warnings: list[ProblemDetail] = Field(description="What may be saved and cannot work as it is.")


class AutomationCopyShape(Shape):
    """A body for `POST /automations`."""

    name: str
    description: str | None
    enabled: bool
    expose: bool
    labels: dict[str, str]
    trigger: Json
    conditions: list[Json]
    inputs: Json
    steps: list[StepShape]
    max_parallel: int = Field(alias="max_parallel")


class ActionRunShape(Shape):
    """The run of a step; `result` is left out in lists."""

    completed_at: datetime | None
    error: Json | None
    kind: KindName
    result: Json | None = None
    run_id: UUID
    started_at: datetime | None
    status: str
    step_key: str


class AutomationRunShape(Shape):
    """One trigger of an automation; the keys are those of document 002."""

    action_runs: list[ActionRunShape]
    automation_id: UUID
    backfill_id: UUID | None = Field(description="The backfill that made it.")
    completed_at: datetime | None
    created_at: datetime
    created_by: UUID | None
    display_status: DisplayStatus
    error: Json | None
    labels: dict[str, str] = Field(description="Its own, of its automation, and of the run that called it.")
    parent_action_run_id: UUID | None
    reason: str | None
    retry_from: str | None = Field(description="The step that a retry was to begin with; null: those that failed.")
    retry_of: UUID | None
    run_id: UUID
    scheduled_for: datetime | None = Field(description="When it begins, or was to begin, where somebody said so.")
    started_at: datetime | None
    status: RunStatus
    triggered_by: TriggeredBy
    version_id: UUID


class AutomationRunsShape(PageShape):
    automation_runs: list[AutomationRunShape]


class StepStateShape(Shape):
    completed_at: datetime | None
    error: Json | None
    key: str
    kind: KindName
    name: str | None
    port: str | None
    reason: str | None
    run_id: UUID | None
    started_at: datetime | None
    state: StepState


class WholeAutomationRunShape(AutomationRunShape):
    event: Json | None
    inputs: Json
    steps: list[StepStateShape]


class RetryBody(Shape):
    """By which version a retry goes, and where it begins."""

    version: Literal["same", "latest"] = Field(
        default="same", description="`same`: that of the run; `latest`: the automation as it is now."
    )
    from_step: str | None = Field(
        default=None,
        max_length=63,
        description="This step and all after it are done again, also what succeeded; also of a completed run.",
    )


class AutomationPatch(Patch, AutomationParts):
    """Keys that are absent stay as they are; `steps` or `actions` replaces them all."""

    clears = frozenset(("description",))


class TriggerBody(Body):
    """`event` stands in for what another trigger would bring, for its conditions."""

    inputs: Json = Field(default={}, description="What the automation declares as its inputs.")
    event: Json | None = Field(default=None, description="As conditions see it: {type, data}.")
    labels: Labels = Field(default={}, description="Besides those of the automation.")
    scheduled_for: ScheduledFor = None
    idempotency_key: Key | None = None


def automation_json(row: Row, secret: str | None = None, *, public_url: str = "", times: int = NEXT_TIMES) -> Json:
    """An automation as it is shown; `secret` where it has just been made, and never again. `times` are yet to come.

    Its webhook's address is whole where the gateway knows its own, else the path.
    """
    definition = row["definition"]
    trigger = row["trigger"] | ({"secret": secret} if secret is not None else {})
    path = row["webhook_path"]
    due = row["due_at"] if row["status"] == "active" else None
    return {
        "conditions": definition["conditions"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "description": row["description"],
        "enabled": row["status"] != "paused",
        "error": row["error"],
        "expose": row["expose"],
        "id": row["id"],
        "inputs": definition["inputs"],
        "labels": row["labels"],
        "latestRun": _latest(row),
        "max_parallel": definition["max_parallel"],
        "name": row["name"],
        "nextRunAt": due,
        "nextRuns": following(trigger, due, times),
        "slug": row["slug"],
        "sourceId": row["source_id"],
        "sourceType": row["source_type"],
        "status": row["status"],
        "steps": [step_json(step) for step in definition["steps"]],
        "trigger": trigger,
        "updatedAt": row["updated_at"],
        "updatedBy": row["updated_by"],
        "versionId": row["version_id"],
        "webhookIgnoredAt": row["webhook_ignored_at"],
        "webhookUrl": None if path is None else f"{public_url.rstrip('/')}/webhooks/{row['org_id']}/{path}",
        "webhooksIgnored": row["webhooks_ignored"],
    }


def copy_json(row: Row) -> Json:
    """What makes another automation like it: all that its author decided, but for its slug and the webhook's secret."""
    shown = automation_json(row)
    trigger = {name: value for name, value in shown["trigger"].items() if name != "secret"}
    return {name: shown[name] for name in _COPIED} | {"trigger": trigger}


def step_json(step: Json) -> Json:
    """A stored step in document 002's spelling."""
    work = {"kind": step["kind"], "definition": step["definition"]}
    if step["action_id"] is not None:
        work = {"action_id": step["action_id"]}
        if step["definition"]:
            work["definition_overrides"] = step["definition"]
    return {
        "key": step["key"],
        "name": step["name"],
        "action": work,
        "depends_on": [shown for one in step["depends_on"] for shown in _dependencies(one)],
        "condition": {"type": step["condition"]},
    }


def _dependencies(one: Json) -> list[Any]:
    if not one["ports"]:
        return [one["step"]]
    return [{"step": one["step"], "port": port} for port in one["ports"]]


def _latest(row: Row) -> Json | None:
    if row["run_id"] is None:
        return None
    return {
        "runId": row["run_id"],
        "status": row["run_status"],
        "displayStatus": display_status({name: row[f"run_{name}"] for name in _STANDING}),
        "triggeredBy": row["run_triggered_by"],
        "startedAt": row["run_started_at"],
        "completedAt": row["run_completed_at"],
    }
