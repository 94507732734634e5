"""What starts an automation: a schedule, a webhook, an event, or a person (document 002, "Trigger Types")."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from vai_records.automations.schedule import BadSchedule, check_cron
from vai_records.definitions.conditions import same
from vai_records.strict import ReallyTrue, Strict, short
from vai_records.time_zones import TimeZone
from vai_records.validation.masking import MARKER

LONGEST_PATH = 255
LEAST_SECRET = 12
"""Characters of a webhook's secret, which who guesses it could sign with."""
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")

_RUN_FIELDS = ("runId", "actionId", "actionKind", "status", "attempt", "recordCount", "tables", "triggerMethod")
_CONNECTION_FIELDS = ("connectionId", "source", "tables", "rows")
_AUTOMATION_FIELDS = ("automationId", "automationRunId", "status", "triggeredBy", "depth")

EVENT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "action.completed": _RUN_FIELDS,
    "action.failed": _RUN_FIELDS,
    "connection.data_available": _CONNECTION_FIELDS,
    "connection.error": ("connectionId", "source", "runId"),
    "automation.completed": _AUTOMATION_FIELDS,
    "automation.failed": _AUTOMATION_FIELDS,
}
"""The events that start automations (document 002, "Event Triggers"), and what their filters may name."""

_SPELLINGS = {"kind": "actionKind"}
"""Decision 1: where a document shows two spellings both are accepted, and one is stored."""


def _cron(value: str) -> str:
    try:
        return check_cron(value)
    except BadSchedule as error:
        raise ValueError(str(error)) from None


def webhook_path(value: str) -> str:
    """The path as it is stored, without slashes around it. Raises ValueError."""
    path = value.strip("/")
    if not path or len(path) > LONGEST_PATH or not all(map(_SEGMENT.fullmatch, path.split("/"))):
        raise ValueError("a path is words of letters, digits and . _ ~ - with single slashes between them")
    return path


def _hushed(value: str) -> str:
    if len(value.removeprefix("whsec_").strip()) < LEAST_SECRET:
        least = f"at least {LEAST_SECRET} characters, without whsec_ and spaces around"
        raise ValueError(f"a secret has {least}: give a longer one, or leave the key out and get one")
    return value


def _elided(value: Any) -> Any:
    """Document 002 writes `whsec_...` where a secret stands: as it is no secret, one is made, as without any."""
    return None if value == "whsec_..." else value


class _Trigger(Strict):
    model_config = ConfigDict(frozen=True, populate_by_name=True)

    def stored(self) -> dict[str, Any]:
        """As it is stored and shown, in document 002's spelling."""
        return self.model_dump(mode="json", by_alias=True)


class ScheduleTrigger(_Trigger):
    """Times of a cron expression in a time zone (decision 41)."""

    type: Literal["schedule"]
    schedule: Annotated[
        str,
        Field(max_length=200, description="Minute, hour, day, month, weekday; or @daily and the like."),
        AfterValidator(_cron),
    ]
    timezone: TimeZone = "UTC"
    catchup: Literal["latest", "all", "none"] = Field(default="latest", description="What was missed while down.")
    overlap: Literal["skip", "queue", "allow"] = Field(default="skip", description="While an earlier run goes on.")


class WebhookTrigger(_Trigger):
    """An address of its own; requests are signed with the secret (decision 42), which is never shown again."""

    type: Literal["webhook"]
    path: Annotated[str, Field(max_length=LONGEST_PATH + 2), AfterValidator(webhook_path)]
    secret: Annotated[
        Annotated[str, Field(min_length=LEAST_SECRET, max_length=500), AfterValidator(_hushed)]
        | Annotated[dict[Literal["secret"], Annotated[Literal[True], ReallyTrue]], Field(max_length=1)]
        | None,
        BeforeValidator(_elided),
    ] = None

    def stored(self) -> dict[str, Any]:
        """The secret is kept elsewhere, encrypted."""
        return {"type": self.type, "path": f"/{self.path}", "secret": MARKER}


class EventTrigger(_Trigger):
    """An event of the platform whose data have the values of all filters; a list takes any of its values."""

    type: Literal["event"]
    event_type: str = Field(max_length=100, alias="eventType", validation_alias=AliasChoices("eventType", "event_type"))
    filters: Annotated[dict[str, JsonValue], short(50)] = Field(default={}, max_length=50)

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("filters"), Mapping):
            filters = {_SPELLINGS.get(name, name): value for name, value in given["filters"].items()}
            if len(filters) < len(given["filters"]):
                raise ValueError("filters: kind and actionKind are the same field; give it once")
            return {**given, "filters": filters}
        return given

    @model_validator(mode="after")
    def _is_known(self) -> "EventTrigger":
        known = EVENT_FIELDS.get(self.event_type)
        if known is None:
            raise ValueError(f"{self.event_type!r} is no event that starts automations; {', '.join(EVENT_FIELDS)} are")
        for name in self.filters:
            if name not in known:
                raise ValueError(f"filters: {self.event_type} has no field {name!r}; it has {', '.join(known)}")
        return self


class ManualTrigger(_Trigger):
    """Only when somebody asks for it, which every automation allows."""

    type: Literal["manual"] = "manual"


Trigger = Annotated[ScheduleTrigger | WebhookTrigger | EventTrigger | ManualTrigger, Field(discriminator="type")]


def passes(filters: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether an event's data have every value that the filters want."""
    return all(_has(data.get(name), wanted) for name, wanted in filters.items())


def _has(value: Any, wanted: Any) -> bool:
    candidates = wanted if isinstance(wanted, list) else [wanted]
    return any(same(one, other) for one in (value if isinstance(value, list) else [value]) for other in candidates)
