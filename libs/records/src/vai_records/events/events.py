"""The journal's rows and the public messages that are made of them (rule 9, decision 30)."""

from dataclasses import dataclass
from datetime import datetime
from math import floor
from typing import Any
from uuid import UUID

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from vai_common.messages.kafka import Record
from vai_common.nesting import DEEPEST_TOLD, is_deeper
from vai_common.queries import Row
from vai_contracts.topics import EVENTS
from vai_contracts.vai.events.v1 import events_pb2
from vai_contracts.vai.words.v1 import words_pb2
from vai_contracts.words import from_word

LARGEST_RESULT = 65_536
"""Bytes of JSON; a larger result is left out of the event and said to be."""


@dataclass(frozen=True)
class Event:
    """One row of the journal; `sequence` orders the events of one subject, `<subject>-<sequence>` is the event's id."""

    subject_id: UUID
    sequence: int
    type: str
    occurred_at: datetime
    org_id: UUID
    data: dict[str, Any]
    traceparent: str | None

    @classmethod
    def of(cls, row: Row) -> "Event":
        """From a row that has the journal's columns."""
        return cls(
            row["subject_id"],
            row["sequence"],
            row["type"],
            row["occurred_at"],
            row["org_id"],
            row["data"],
            row["traceparent"],
        )

    @property
    def id(self) -> str:
        return f"{self.subject_id}-{self.sequence}"

    @property
    def key(self) -> tuple[UUID, int, datetime]:
        return (self.subject_id, self.sequence, self.occurred_at)


def record_of(event: Event) -> Record:
    """The Kafka record: the same bytes each time it is sent (replay has the same ids)."""
    message: Any = message_of(event)
    headers = [
        ("organisation", message.organisation_id.encode()),
        ("event-id", message.id.encode()),
        ("type", event.type.encode()),
    ]
    if event.traceparent:
        headers.append(("traceparent", event.traceparent.encode()))
    key = str(event.subject_id).encode()
    return Record(event.type, key, message.SerializeToString(deterministic=True), headers)


def message_of(event: Event) -> Message:
    """The protobuf message of a journal row. Raises LookupError for a type that is not in the contracts."""
    is_action = event.type.startswith("action.")
    message = EVENTS[event.type](
        id=event.id,
        sequence=event.sequence,
        organisation_id=str(event.org_id),
        occurred_at=_stamp(event.occurred_at),
        data=_action(event) if is_action else None,
    )
    fields: Any = message
    if is_action:
        _fill_outcome(fields.data, event.data)
    elif event.type.startswith("automation."):
        _fill_automation(fields.data, event)
    else:
        ParseDict(_plain(event.data), fields.data)
    return message


def _action(event: Event) -> dict[str, Any]:
    """The fields of `ActionData` that each event has. Set one by one they would cost twice as much."""
    given = event.data
    trigger = given["trigger"]
    source = trigger["sourceType"]
    return {
        "run_id": given["runId"],
        "sequence": event.sequence,
        "attempt": given["attempt"],
        "action_kind": from_word(words_pb2.ActionKind, given["actionKind"]),
        "status": from_word(words_pb2.RunStatus, given["status"]),
        "action_id": given["actionId"] or None,
        "created_at": _moment(given, "createdAt"),
        "started_at": _moment(given, "startedAt"),
        "completed_at": _moment(given, "completedAt"),
        "trigger": {
            "method": from_word(words_pb2.TriggerMethod, trigger["method"]),
            "source_type": from_word(words_pb2.TriggerSourceType, source) if source else None,
            "source_id": trigger["sourceId"] or None,
        },
        "record_count": given.get("recordCount"),
    }


def _fill_automation(data: events_pb2.AutomationData, event: Event) -> None:
    given = event.data
    data.automation_run_id, data.automation_id = given["automationRunId"], given["automationId"]
    data.sequence, data.name, data.slug, data.depth = event.sequence, given["name"], given["slug"], given["depth"]
    data.status = from_word(words_pb2.AutomationRunStatus, given["status"])
    data.triggered_by = from_word(words_pb2.AutomationTrigger, given["triggeredBy"])
    _fill_times(data, given)
    if given.get("parentRunId"):
        data.parent_run_id = given["parentRunId"]
    if given.get("retryOf"):
        data.retry_of = given["retryOf"]
    if error := given.get("error"):
        data.error.message = error["message"]
        data.error.details.update(_told(error.get("details")) or {})
        if error.get("step"):
            data.error.step = error["step"]
        if f"ERROR_CODE_{error.get('code')}" in words_pb2.ErrorCode.keys():  # noqa: SIM118 - it is no dict
            data.error.code = from_word(words_pb2.ErrorCode, error["code"])


def _fill_times(data: Any, given: dict[str, Any]) -> None:
    for stamp, name in (
        (data.created_at, "createdAt"),
        (data.started_at, "startedAt"),
        (data.completed_at, "completedAt"),
    ):
        if moment := _moment(given, name):
            stamp.MergeFrom(Timestamp(**moment))


def _moment(given: dict[str, Any], name: str) -> dict[str, int] | None:
    return _stamp(datetime.fromisoformat(given[name])) if given.get(name) else None


def _stamp(moment: datetime) -> dict[str, int]:
    """The fields of a `Timestamp`. Its own FromDatetime goes through a calendar: ten times the cost."""
    return {"seconds": floor(moment.timestamp()), "nanos": moment.microsecond * 1000}


def _fill_outcome(data: events_pb2.ActionData, given: dict[str, Any]) -> None:
    if given.get("tables"):
        data.tables.extend(given["tables"])
    if given.get("error"):
        ParseDict(_plain({"error": given["error"]})["error"], data.error)
    result = _told(given.get("result"))
    if result is not None:
        data.result.update(result)
    data.result_truncated = bool(given.get("resultTruncated")) or result is not given.get("result")


def _told(value: Any) -> Any:
    """None where it is nested so deeply that consumers could not decode the event: one run must not stop them all."""
    return None if is_deeper(value, DEEPEST_TOLD) else value


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Journal JSON as protobuf's JSON: an error's code in the enum's own words."""
    error = data.get("error")
    if not error:
        return data
    known = {"message": error["message"], "details": _told(error.get("details")) or {}, "retryable": error["retryable"]}
    return {**data, "error": {**known, "code": f"ERROR_CODE_{error['code']}"}}


def outcome(result: dict[str, Any] | None, error: dict[str, Any] | None, size: int) -> dict[str, Any]:
    """What an ending adds to its event's data; `size` is the result's length in bytes as JSON."""
    extra: dict[str, Any] = {}
    if error is not None:
        extra["error"] = error
    if result is not None:
        extra["recordCount"] = result.get("recordsProcessed")
        extra["tables"] = result.get("tables") or []
        extra |= {"resultTruncated": True} if size > LARGEST_RESULT else {"result": result}
    return extra
