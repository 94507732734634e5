"""What the platform answers about people and what they come in with, typed; see `models.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from vai.errors import Detail

from .answers import Answer, Json, Run, User

Role = Literal["viewer", "operator", "admin"]


@dataclass(frozen=True, kw_only=True)
class Member(Answer):
    """A person of the organisation. `accepted_at` is None until they have taken their invitation."""

    id: str
    email: str
    role: Role
    created_at: datetime
    accepted_at: datetime | None = None
    first_name: str | None = None
    last_name: str | None = None
    has_password: bool = False
    profile_picture_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class InvitedMember(Member):
    """A new person. `invitation_token` is for them: good once, and in this answer only."""

    invitation_token: str = field(repr=False)
    invitation_ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApiKey(Answer):
    """What a program comes in with; `prefix` is how the key begins, `scopes` what it is narrowed to (None: nothing)."""

    id: str
    name: str
    role: Role
    status: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    user_id: str | None = None
    scopes: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class CreatedApiKey(ApiKey):
    """A new key. `key` is the key itself: in this answer only."""

    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Scope(Answer):
    """What a key may be narrowed to; `role` is the least that it needs, `names` what one of may be named behind it."""

    identity: ClassVar[str] = "scope"

    scope: str
    role: Role
    description: str
    names: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceAccount(Answer):
    """A member that is a program. `status`: `active` or `disabled`; `active_keys` are neither revoked nor expired."""

    id: str
    name: str
    role: Role
    status: str
    created_at: datetime
    active_keys: int = 0
    disabled_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Organisation(Answer):
    """An organisation; `settings` hold for all of it (`maxRunning`, `ignoreRobotsTxt`, `upkeep`, …)."""

    id: str
    slug: str
    name: str
    settings: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NewOrganisation(Organisation):
    """A new organisation with its first administrator, who is invited."""

    administrator: InvitedMember


@dataclass(frozen=True, kw_only=True)
class Me(Answer):
    """Who calls."""

    organisation_id: str
    user: User
    role: Role
    is_service_account: bool = False
    scopes: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Session(Answer):
    """A signed token, which stands for an API key until `expires_at`."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Kind(Answer):
    """A kind of work. `available`: this version runs it; `alive`: a worker for it lives at the moment."""

    name: str
    mode: str
    category: str = ""
    description: str = ""
    service: str = ""
    available: bool = True
    alive: bool = False
    definition_schema: Json | None = None


@dataclass(frozen=True, kw_only=True)
class ResourceType(Answer):
    """A table that a source has by itself. `cursor`: the column by which only what is new is fetched."""

    name: str
    size: str = ""
    cursor: str | None = None
    primary_key: list[str] = field(default_factory=list)
    description: str = ""
    slice_days: float | None = None
    seconds_between_requests: float = 0.0
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Source(Answer):
    """What `dlt_extract` can extract from. The three schemas are there where one source is asked for."""

    name: str
    title: str = ""
    description: str = ""
    available: bool = True
    package: str | None = None
    takes_connection: bool = False
    resources: list[ResourceType] = field(default_factory=list)
    definition_schema: Json | None = None
    config_schema: Json | None = None
    credentials_schema: Json | None = None


@dataclass(frozen=True, kw_only=True)
class Template(Answer):
    """What an action may begin with (`template_id`)."""

    name: str
    kind: str
    description: str = ""
    definition: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Replay(Answer):
    """Which events are sent again, and how many."""

    count: int
    since: datetime
    until: datetime
    types: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class BatchResult(Answer):
    """What became of one run of a batch: `run`, or why not (`refusal`), with the status that it had got alone."""

    status: int
    run: Run | None = None
    detail: list[Json] | None = None

    @property
    def refusal(self) -> tuple[Detail, ...]:
        """Why there is no run; empty where there is one."""
        return tuple(
            Detail(tuple(line.get("loc", ())), str(line.get("msg", "")), str(line.get("type", "")))
            for line in self.detail or ()
        )


@dataclass(frozen=True, kw_only=True)
class BulkResult(BatchResult):
    """What became of one run of a decision about many: `run` as it is then, of a retry the new one."""

    id: str


@dataclass(frozen=True)
class BulkAnswer:
    """The results of a decision about many runs; `next_cursor` where more runs match the filters."""

    results: list[BulkResult]
    next_cursor: str | None


@dataclass(frozen=True)
class RunChange:
    """One message of the stream of an organisation's runs.

    `event` is `ready` (read the list now), `run` (new or changed: `run`), `gone` (the list shows `id` no longer) or
    `reset` (read the list again).
    """

    event: Literal["ready", "run", "gone", "reset"]
    run: Run | None = None
    id: str | None = None
    status: str | None = None
