"""The REST shapes of alert rules and alerts (docs/alerts.md)."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from standardwebhooks import Webhook

from vai_api_gateway.http.shapes import Body, Json, KindName, PageShape, Patch, Shape, UserShape
from vai_common.queries import Row
from vai_records.alerts.matching import What
from vai_records.catalogue.labels import Labels
from vai_records.definitions.web_addresses import WebAddress
from vai_records.people.emails import email_of
from vai_records.strict import short

AlertStatus = Literal["gathering", "sending", "waiting", "sent", "given_up"]
ChannelType = Literal["webhook", "slack", "teams", "email"]

_PLAIN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
_LATEST = 30 * 86_400

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN)]
Names = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PLAIN)]],
    short(100),
    Field(max_length=100),
]


def _signs(secret: str) -> str:
    try:
        key = Webhook(secret)._whsecret
    except Exception as error:
        raise ValueError("must be whsec_ and the key in base64") from error
    if len(key) < 16:
        raise ValueError("must have at least 16 bytes behind whsec_, in base64")
    return secret


Email = Annotated[str, Field(max_length=254), AfterValidator(email_of)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=_PLAIN)]
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[!-~]([ -~]*[!-~])?$")]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")]


class WebhookChannelBody(Body):
    """JSON, signed if there is a secret (Standard Webhooks)."""

    type: Literal["webhook"]
    url: WebAddress
    signing_secret: Annotated[str, Field(max_length=200), AfterValidator(_signs)] | None = None
    authorization: HeaderValue | None = Field(default=None, description="The header Authorization.")


class SlackChannelBody(Body):
    """An incoming webhook of Slack."""

    type: Literal["slack"]
    url: WebAddress


class TeamsChannelBody(Body):
    """An incoming webhook of Microsoft Teams, best one of a workflow."""

    type: Literal["teams"]
    url: WebAddress


class EmailChannelBody(Body):
    """Through a mail server of yours."""

    type: Literal["email"]
    host: Host
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`tls` from the first byte (port 465); `none` without a password only."
    )
    username: Secret | None = None
    password: Secret | None = None
    sender: Email
    recipients: Annotated[list[Email], short(50), Field(min_length=1, max_length=50)]


ChannelBody = Annotated[
    WebhookChannelBody | SlackChannelBody | TeamsChannelBody | EmailChannelBody, Field(discriminator="type")
]

_SECRETS = ("url", "signing_secret", "authorization", "password")
"""Fields of channels that go in and never come out."""


def parted(channel: Any) -> tuple[Json, Json]:
    """What of a channel is shown, and what is encrypted."""
    given = channel.model_dump(exclude_none=True)
    return {name: value for name, value in given.items() if name not in _SECRETS}, {
        name: given[name] for name in _SECRETS if name in given
    }


class AlertFiltersBody(Body):
    """What is told has to pass all of them; one that is empty lets everything through."""

    kinds: Annotated[list[KindName], short(50), Field(max_length=50)] = Field(default=[])
    actions: Names = Field(default=[], description="Ids or slugs.")
    automations: Names = Field(default=[], description="Ids or slugs; also of the runs of their steps.")
    labels: Labels = Field(default={}, description="All of these.")


Tells = Annotated[list[What], short(50), Field(min_length=1, max_length=5)]
GatherSeconds = Annotated[int, Field(ge=0, le=3_600)]
PauseSeconds = Annotated[int, Field(ge=0, le=86_400)]
LateSeconds = Annotated[int, Field(ge=60, le=_LATEST)]


class AlertRuleBody(Body):
    name: Name
    tells: Tells = Field(description="What is told.")
    filters: AlertFiltersBody = Field(default=AlertFiltersBody())
    channel: ChannelBody
    is_active: bool = True
    gather_seconds: GatherSeconds = Field(
        default=10, description="What comes so soon after the first is in its message."
    )
    pause_seconds: PauseSeconds = Field(default=300, description="At least so long between two messages.")
    late_seconds: LateSeconds | None = Field(
        default=None, description="With `late`: a run or an automation run that is not over by then is late."
    )


class AlertRulePatch(Patch, Body):
    """A key that is absent stays as it is. A channel is given as a whole, with its secrets."""

    clears: ClassVar[frozenset[str]] = frozenset(("late_seconds",))

    name: Name | None = None
    tells: Tells | None = None
    filters: AlertFiltersBody | None = None
    channel: ChannelBody | None = None
    is_active: bool | None = None
    gather_seconds: GatherSeconds | None = None
    pause_seconds: PauseSeconds | None = None
    late_seconds: LateSeconds | None = None


class AlertFiltersShape(Shape):
    kinds: list[KindName]
    actions: list[str] = Field(description="Ids.")
    automations: list[str] = Field(description="Ids.")
    labels: dict[str, str]


class AlertChannelShape(Shape):
    """Without its secrets. Fields that a type does not have are null."""

    type: ChannelType
    host: str
    port: int | None
    security: str | None
    username: str | None
    sender: str | None
    recipients: list[str] | None
    secrets: list[str] = Field(description="Names of those that are set.")


class AlertRuleShape(Shape):
    id: UUID
    name: str
    tells: list[What]
    filters: AlertFiltersShape
    channel: AlertChannelShape
    is_active: bool
    gather_seconds: int
    pause_seconds: int
    late_seconds: int | None
    created_at: datetime
    created_by: str | None
    updated_at: datetime


class AlertRulesShape(Shape):
    alert_rules: list[AlertRuleShape]
    most: int = Field(description="So many an organisation may have.")
    users: dict[str, UserShape]


class AlertItemShape(Shape):
    what: What
    occurred_at: datetime
    name: str
    text: str
    kind: KindName | None
    run_id: UUID | None
    automation_id: UUID | None
    automation: str | None = Field(description="Its name.")
    automation_run_id: UUID | None


class AlertShape(Shape):
    id: UUID
    rule_id: UUID
    rule: str = Field(description="Its name.")
    status: AlertStatus
    is_test: bool
    counts: dict[str, int] = Field(description="How much of each is told.")
    items: list[AlertItemShape] = Field(description="The first ones.")
    attempts: int
    due_at: datetime | None = Field(description="When it is sent, or sent again.")
    error: Json | None = Field(description="Why the last attempt failed, or what was not delivered.")
    created_at: datetime
    sent_at: datetime | None


class AlertsShape(PageShape):
    alerts: list[AlertShape]


def rule_json(row: Row) -> Json:
    stored, filters = row["channel"], row["filters"]
    shown = ("type", "host", "port", "security", "username", "sender", "recipients")
    return {
        "id": row["id"],
        "name": row["name"],
        "tells": row["tells"],
        "filters": {name: filters.get(name, []) for name in ("kinds", "actions", "automations")}
        | {"labels": filters.get("labels", {})},
        "channel": {name: stored.get(name) for name in shown} | {"secrets": stored.get("secrets", [])},
        "isActive": row["is_active"],
        "gatherSeconds": row["gather_seconds"],
        "pauseSeconds": row["pause_seconds"],
        "lateSeconds": row["late_seconds"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "updatedAt": row["updated_at"],
    }


def alert_json(row: Row) -> Json:
    return {
        "id": row["id"],
        "ruleId": row["rule_id"],
        "rule": row["rule_name"],
        "status": row["status"],
        "isTest": row["is_test"],
        "counts": row["counts"],
        "items": row["items"],
        "attempts": row["attempts"],
        "dueAt": row["due_at"],
        "error": row["error"],
        "createdAt": row["created_at"],
        "sentAt": row["sent_at"],
    }
