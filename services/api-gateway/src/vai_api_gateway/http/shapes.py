"""The REST shapes, with the keys of documents 001 and 003 (camelCase, decision 1).

Answers are plain dictionaries, written by orjson. Their models here are for the OpenAPI document, and for the tests,
which check the answers with them. Request bodies are read with their models.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from vai_records.catalogue.labels import Labels
from vai_records.definitions.base import ConnectionName, ConnectionReference
from vai_records.strict import Id, Name, Strict, Time

KindName = Literal[
    "dlt_extract",
    "file_sync",
    "duckdb_transform",
    "http_request",
    "call_agent",
    "generate_query",
    "explain_schema",
    "agent_search",
    "agent_fetch_page",
    "create_flashboard",
    "approval_gate",
    "conditional_branch",
    "call_automation",
    "web_search",
    "fetch_page",
]
StatusName = Literal["pending", "awaiting_approval", "running", "completed", "failed", "cancelled", "rejected"]
ActionStatus = Literal["active", "disabled"]
ConnectionStatus = Literal["active", "disabled", "error"]
DisplayStatus = Literal[
    "pending",
    "awaiting_approval",
    "running",
    "completed",
    "failed",
    "cancelled",
    "rejected",
    "cancelling",
    "paused",
    "retrying",
    "deferred",
    "scheduled",
    "waiting_for_limit",
    "waiting_for_child",
    "waiting_for_worker",
    "interrupted",
    "queued",
    "completed_with_errors",
]
"""Decision 17."""
TriggerMethod = Literal["ui", "api", "cli", "schedule", "webhook", "event", "automation", "agent", "retry"]
TriggerSourceType = Literal["user", "api_key", "automation_run", "agent_run", "action_run"]
Level = Literal["info", "warning", "error"]
SortBy = Literal["name", "created_at", "updated_at", "status", "kind"]
Order = Literal["asc", "desc"]

KIND_NAMES: tuple[str, ...] = get_args(KindName)
STATUS_NAMES: tuple[str, ...] = get_args(StatusName)
TRIGGER_METHODS: tuple[str, ...] = get_args(TriggerMethod)
ACTION_STATUSES: tuple[str, ...] = get_args(ActionStatus)

LONGEST_NAME = 255
KEY_PATTERN = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: keys that the platform makes have one, so that no request can take their place."""

SLUG_PATTERN = r"^[a-z0-9-]+$"

Key = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=KEY_PATTERN)]
"""An idempotency key or a concurrency key of a request."""

Json = dict[str, Any]


class Shape(BaseModel):
    """A JSON object with keys in camelCase. Unknown keys are refused, so that a misspelled one is noticed."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", populate_by_name=False)


class Body(Shape, Strict):
    """A request's body: nothing in it is cast (`vai_records.strict`)."""


class Patch(BaseModel):
    """What the bodies of changes share: a key that is absent stays as it is, and null is for what may be empty.

    `clears` are the fields that null empties. For others it is refused, and the document does not offer it.
    """

    clears: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*")
    @classmethod
    def _never_null(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.field_name not in cls.clears:
            raise ValueError("cannot be null; leave the key out to keep what is there")
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, field in cls.model_fields.items():
            if name not in cls.clears:
                _take_null_out(properties[field.alias or name])
        return schema


def _take_null_out(schema: Json) -> None:
    schema.pop("default", None)
    if "anyOf" not in schema:
        return
    others = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
    schema |= others[0] if len(others) == 1 else {"anyOf": others}


# Answers ------------------------------------------------------------------------------------------------------------


class UserShape(Shape):
    first_name: str | None
    id: str
    last_name: str | None
    profile_picture_url: str | None


class LatestRunShape(Shape):
    completed_at: datetime | None
    definition: Json
    id: UUID
    progress: Json | None
    started_at: datetime | None
    status: StatusName


class ListedLatestRunShape(LatestRunShape):
    definition_truncated: bool = False
    progress_truncated: bool = False


class WarningShape(Shape):
    """What may be saved and may not be meant: where, what to do about it, and a word for programs."""

    loc: list[str | int]
    msg: str
    type: str


class ActionShape(Shape):
    connection_id: UUID | None
    created_at: datetime
    created_by: str | None
    definition: Json
    expose: bool = Field(description="Whether it is a tool over MCP.")
    id: UUID
    kind: KindName
    labels: dict[str, str]
    latest_run: LatestRunShape | None
    name: str
    slug: str
    status: ActionStatus
    template_id: str | None
    updated_at: datetime
    updated_by: str | None
    warnings: list[WarningShape] = Field(
        default=[], description="In the answer to a change: another definition writes the same table (`table_shared`)."
    )


class ListedActionShape(ActionShape):
    """An action as a list shows it: what is larger than 32 KiB is left out and said to be; `GET` of it has all."""

    definition_truncated: bool = False
    latest_run: ListedLatestRunShape | None


class RunShape(Shape):
    action_id: UUID | None
    approval_values: Json | None = Field(description="What whoever approved it filled in.")
    completed_at: datetime | None
    concurrency_key: str | None
    created_at: datetime
    definition: Json
    display_status: DisplayStatus
    duration_seconds: float | None
    error: Json | None
    id: UUID
    idempotency_key: str | None
    interrupt_count: int
    kind: KindName
    labels: dict[str, str] = Field(description="The run's own, and those of its action.")
    parent_action_run_id: UUID | None
    progress: Json | None
    result: Json | None
    retry_count: int
    scheduled_for: datetime | None = Field(description="When it starts, or was to start, where somebody said so.")
    started_at: datetime | None
    status: StatusName
    trigger_method: TriggerMethod
    trigger_source_id: str | None
    trigger_source_type: TriggerSourceType | None
    updated_at: datetime


class ListedRunShape(RunShape):
    """A run as a list shows it: what is larger than 32 KiB is left out and said to be; `GET` of the run has it."""

    approval_values_truncated: bool = False
    definition_truncated: bool = False
    error_truncated: bool = False
    progress_truncated: bool = False
    result_truncated: bool = False


class PageShape(Shape):
    has_next: bool
    limit: int
    offset: int
    total: int
    users: dict[str, UserShape]


class ActionsShape(PageShape):
    actions: list[ListedActionShape]


class RunsShape(PageShape):
    """Where filters are set that no index counts, `total` counts up to 10,000, and `totalIsExact` is false above."""

    next_cursor: str | None = Field(description="What `cursor` of the next page says; null: there is none.")
    runs: list[ListedRunShape]
    total_is_exact: bool


class LogEntryShape(Shape):
    attempt: int
    data: Json
    event: str
    id: str
    level: Level
    message: str
    occurred_at: datetime
    worker_id: str | None


class LogsShape(Shape):
    entries: list[LogEntryShape]
    has_more: bool
    next_cursor: str | None


class ConnectionShape(Shape):
    """Credentials are write-only: `hasCredentials` says whether there are any."""

    config: Json
    created_at: datetime
    created_by: str | None
    has_credentials: bool
    id: UUID
    is_default: bool
    last_error: Json | None
    max_running: int | None
    name: str
    provider: str
    slug: str
    status: ConnectionStatus
    updated_at: datetime


class ListedConnectionShape(ConnectionShape):
    """A connection as a list shows it: what is larger than 32 KiB is left out and said to be; `GET` of it has all."""

    config_truncated: bool = False
    last_error_truncated: bool = False


class ConnectionsShape(PageShape):
    connections: list[ListedConnectionShape]


class ConnectionTestShape(Shape):
    """`error` is as on a failed run (document 000, "Error Handling"); `checked` says what was found to be good."""

    checked: list[Literal["address", "credentials"]]
    ok: bool
    message: str
    error: Json | None
    duration_seconds: float


class SessionShape(Shape):
    token: str
    expires_at: datetime


class MeShape(Shape):
    organisation_id: UUID
    user: UserShape
    role: Literal["viewer", "operator", "admin"]
    is_service_account: bool
    scopes: list[str] | None = Field(description="What the API key is narrowed to within the role; null: to nothing.")


# Request bodies -----------------------------------------------------------------------------------------------------


ScheduledFor = Annotated[
    Time | None, Field(description="Start it at this time, at most a year ahead; until then it is `scheduled`.")
]


class ActionBody(Body):
    kind: KindName
    name: Name
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    connection_id: Id | None = None
    connection_ref: ConnectionName | ConnectionReference | None = Field(default=None, description="As in document 000.")
    definition: Json | None = Field(default=None)
    template_id: str | None = Field(default=None, max_length=LONGEST_NAME)
    labels: Labels = Field(default={}, description="Its runs have them, too.")
    expose: bool = Field(default=False, description="Whether it is a tool over MCP, by its slug.")


class ActionPatch(Patch, Body):
    """Keys that are absent stay as they are (decision 6)."""

    clears = frozenset(("connection_id", "definition"))

    name: Name | None = None
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    status: ActionStatus | None = None
    connection_id: Id | None = None
    definition: Json | None = None
    labels: Labels | None = Field(default=None, description="All of them: those that are not named are removed.")
    expose: bool | None = None


class RunActionBody(Body):
    definition_overrides: Json | None = Field(default=None, description="An RFC 7396 merge into the definition.")
    idempotency_key: Key | None = None
    labels: Labels = Field(default={}, description="Besides those of the action.")
    scheduled_for: ScheduledFor = None


class RunBody(Body):
    kind: KindName
    definition: Json | None = None
    connection_ref: ConnectionName | ConnectionReference | None = Field(default=None, description="As in document 000.")
    concurrency_key: Key | None = None
    idempotency_key: Key | None = None
    labels: Labels = {}
    parent_action_run_id: Id | None = None
    scheduled_for: ScheduledFor = None


class ApproveBody(Body):
    values: Json = Field(default={}, description="What the run's `approval_fields` ask for, by their names.")


class RejectBody(Body):
    reason: str | None = Field(default=None, max_length=10_000)


class ConnectionBody(Body):
    name: Name
    provider: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=LONGEST_NAME)
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    config: Json | None = None
    credentials: Json | None = Field(default=None, description="Stored encrypted, never shown again.")
    is_default: bool = False
    max_running: int | None = Field(default=None, ge=1, le=1_000_000, description="Live runs at once.")


class ConnectionPatch(Patch, Body):
    """Keys that are absent stay as they are; `credentials` null forgets them, `maxRunning` null lifts the limit."""

    clears = frozenset(("config", "credentials", "max_running"))

    name: Name | None = None
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    config: Json | None = None
    credentials: Json | None = None
    is_default: bool | None = None
    status: ActionStatus | None = None
    max_running: int | None = Field(default=None, ge=1, le=1_000_000)
