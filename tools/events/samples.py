"""One event of each kind of data, made by the very function that makes what is published."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict

from vai_common.messages.kafka import Record
from vai_records.events.events import Event, message_of, record_of

_AT = datetime(2026, 11, 22, 9, 30, 15, 250_000, tzinfo=UTC)
_ORGANISATION = UUID("01a1f7a0-0000-7000-8000-000000000001")
_RUN = UUID("01a1f7a0-0000-7000-8000-0000000000aa")
_AUTOMATION_RUN = UUID("01a1f7a0-0000-7000-8000-0000000000ee")
_CONNECTION = UUID("01a1f7a0-0000-7000-8000-0000000000bb")
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

_ERROR = {
    "code": "AUTH_ERROR",
    "message": "the source answered 401: renew the connection's credentials",
    "details": {"status": 401},
    "retryable": False,
}
_RUN_DATA: dict[str, Any] = {
    "runId": str(_RUN),
    "actionId": "01a1f7a0-0000-7000-8000-0000000000cc",
    "actionKind": "dlt_extract",
    "attempt": 1,
    "createdAt": "2026-11-22T09:30:00+00:00",
    "startedAt": "2026-11-22T09:30:00.012+00:00",
    "trigger": {"method": "api", "sourceType": "api_key", "sourceId": "01a1f7a0-0000-7000-8000-0000000000dd"},
}
_ENDED = {"completedAt": "2026-11-22T09:30:15.25+00:00"}

_AUTOMATION_DATA: dict[str, Any] = {
    "automationRunId": str(_AUTOMATION_RUN),
    "automationId": "01a1f7a0-0000-7000-8000-0000000000ff",
    "name": "Orders every morning",
    "slug": "orders-every-morning",
    "triggeredBy": "schedule",
    "createdAt": "2026-11-22T09:30:00+00:00",
    "startedAt": "2026-11-22T09:30:00.012+00:00",
    "depth": 0,
}
_FIRST = {"action.started", "action.awaiting_approval", "automation.started", "connection.data_available"}

# What the data of each type says besides.
_SAID: dict[str, dict[str, Any]] = {
    "action.started": {"status": "running"},
    "action.completed": {
        **_ENDED,
        "status": "completed",
        "recordCount": 1250,
        "tables": ["orders"],
        "result": {"recordsProcessed": 1250, "tables": ["orders"]},
    },
    "action.failed": {**_ENDED, "status": "failed", "error": _ERROR},
    "action.cancelled": {**_ENDED, "status": "cancelled"},
    "action.rejected": {**_ENDED, "status": "rejected", "startedAt": None},
    "action.awaiting_approval": {"status": "awaiting_approval", "startedAt": None},
    "automation.started": {"status": "running"},
    "automation.completed": {**_ENDED, "status": "completed"},
    "automation.failed": {
        **_ENDED,
        "status": "failed",
        "error": {**_ERROR, "message": f"step extract: {_ERROR['message']}", "step": "extract"},
    },
    "automation.cancelled": {**_ENDED, "status": "cancelled"},
    "connection.data_available": {
        "connectionId": str(_CONNECTION),
        "source": "shopify",
        "tables": ["orders"],
        "rows": 1250,
        "runId": str(_RUN),
    },
    "connection.error": {
        "connectionId": str(_CONNECTION),
        "source": "shopify",
        "runId": str(_RUN),
        "error": _ERROR,
    },
}

_SUBJECTS: dict[str, tuple[UUID, dict[str, Any]]] = {
    "action": (_RUN, _RUN_DATA),
    "automation": (_AUTOMATION_RUN, _AUTOMATION_DATA),
    "connection": (_CONNECTION, {}),
}


def record(topic: str) -> Record:
    """The sample as it would be published. Raises KeyError for a topic that has none yet."""
    return record_of(event(topic))


def payload(topic: str) -> dict[str, Any] | None:
    """The sample in protobuf's JSON; None for a topic that has none yet."""
    if topic not in _SAID:
        return None
    shown: dict[str, Any] = MessageToDict(message_of(event(topic)))
    if "result" in shown["data"]:
        # A Struct has no order of its own.
        shown["data"]["result"] = dict(sorted(shown["data"]["result"].items()))
    return shown


def headers(topic: str) -> dict[str, str]:
    return {name: value.decode() for name, value in record(topic).headers} if topic in _SAID else {}


def event(topic: str) -> Event:
    """The journal's row of the sample. Raises KeyError for a topic that has none yet."""
    subject, common = _SUBJECTS[topic.partition(".")[0]]
    return Event(subject, 1 if topic in _FIRST else 2, topic, _AT, _ORGANISATION, {**common, **_SAID[topic]}, _TRACE)
