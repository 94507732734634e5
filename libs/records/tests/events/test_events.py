"""From a journal row to the public message (decision 30)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.ids import uuid7
from vai_common.nesting import DEEPEST_TOLD
from vai_contracts.topics import EVENTS
from vai_contracts.vai.events.v1 import events_pb2
from vai_contracts.vai.words.v1 import words_pb2
from vai_records.events import events
from vai_records.events.events import Event
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_testkit.database import Database

AT = datetime(2026, 1, 22, 14, 32, 15, 123456, tzinfo=UTC)
RUN, AUTOMATION = uuid7(), uuid7()


def _data(**changes: Any) -> dict[str, Any]:
    usual = {
        "runId": str(RUN),
        "actionId": None,
        "actionKind": "dlt_extract",
        "status": "completed",
        "attempt": 2,
        "createdAt": "2026-01-22T14:30:00+00:00",
        "startedAt": "2026-01-22T14:30:01.5+00:00",
        "completedAt": None,
        "trigger": {"method": "api", "sourceType": None, "sourceId": None},
    }
    return {**usual, **changes}


def _event(event_type: str = "action.completed", data: dict[str, Any] | None = None, **changes: Any) -> Event:
    usual = {
        "subject_id": RUN,
        "sequence": 2,
        "type": event_type,
        "occurred_at": AT,
        "org_id": uuid7(),
        "data": _data() if data is None else data,
        "traceparent": None,
    }
    return Event(**{**usual, **changes})


def _read(event: Event) -> Any:
    """What a consumer makes of the record."""
    record = events.record_of(event)
    return EVENTS[record.topic].FromString(record.value)


@pytest.mark.parametrize("event_type", [name for name in EVENTS if name.startswith("action.")])
def test_every_event_of_a_run_can_be_told(event_type: str) -> None:
    message = _read(_event(event_type))
    assert message.id == f"{RUN}-2"
    assert message.data.run_id == str(RUN)


def test_a_record_carries_what_a_consumer_routes_by() -> None:
    event = _event(traceparent="00-abc-def-01")
    record = events.record_of(event)
    assert (record.topic, record.key) == ("action.completed", str(RUN).encode())
    assert dict(record.headers) == {
        "organisation": str(event.org_id).encode(),
        "event-id": f"{RUN}-2".encode(),
        "type": b"action.completed",
        "traceparent": b"00-abc-def-01",
    }


def test_without_a_trace_there_is_no_traceparent() -> None:
    assert "traceparent" not in dict(events.record_of(_event()).headers)


def test_the_message_says_what_decision_30_lists() -> None:
    data = _data(
        actionId=str(uuid7()),
        recordCount=1250,
        tables=["orders"],
        result={"recordsProcessed": 1250, "per_resource_rows": {"orders": 1250}},
        trigger={"method": "schedule", "sourceType": "automation_run", "sourceId": "a1"},
    )
    message: events_pb2.ActionCompleted = _read(_event(data=data))
    assert (message.sequence, message.data.sequence, message.data.attempt) == (2, 2, 2)
    assert message.occurred_at.ToDatetime(UTC) == AT
    assert message.data.action_id == data["actionId"]
    assert message.data.action_kind == words_pb2.ACTION_KIND_DLT_EXTRACT
    assert message.data.status == words_pb2.RUN_STATUS_COMPLETED
    assert message.data.started_at.ToDatetime(UTC) == datetime(2026, 1, 22, 14, 30, 1, 500000, tzinfo=UTC)
    assert not message.data.HasField("completed_at")
    assert (message.data.record_count, list(message.data.tables)) == (1250, ["orders"])
    assert message.data.result["per_resource_rows"]["orders"] == 1250
    assert message.data.trigger.method == words_pb2.TRIGGER_METHOD_SCHEDULE
    assert message.data.trigger.source_type == words_pb2.TRIGGER_SOURCE_TYPE_AUTOMATION_RUN
    assert not message.data.result_truncated


def test_a_failure_carries_its_error() -> None:
    error = {"code": "RATE_LIMITED", "message": "Slow down", "details": {"status": 429}, "retryable": True}
    message = _read(_event("action.failed", _data(error=error, status="failed")))
    assert message.data.error.code == words_pb2.ERROR_CODE_RATE_LIMITED
    assert (message.data.error.message, message.data.error.retryable) == ("Slow down", True)
    assert message.data.error.details["status"] == 429


def _nested(levels: int, kinds: list[bool]) -> Any:
    value: Any = 1
    for level in range(levels - 1):
        value = [value] if kinds[level % len(kinds)] else {"a": value, "b": 1}
    return {"a": value}


@given(st.integers(1, 250), st.lists(st.booleans(), min_size=1, max_size=5))
def test_whatever_is_told_can_be_decoded_with_the_limits_that_consumers_have(levels: int, kinds: list[bool]) -> None:
    deep = _nested(levels, kinds)
    error = {"code": "DATA_ERROR", "message": "no", "details": deep, "retryable": False}
    told = _read(_event(data=_data(result=deep, status="completed")))
    assert told.data.result_truncated == (levels > DEEPEST_TOLD)
    assert ("a" in told.data.result) == (levels <= DEEPEST_TOLD)
    for message in (
        _read(_event("action.failed", _data(error=error, status="failed"))),
        _read(_event("automation.failed", _automation_data(status="failed", error=error))),
    ):
        assert message.data.error.message == "no"
    _read(_event("connection.error", {"connectionId": str(RUN), "source": "rest", "error": error}))


def test_a_connections_events_can_be_told() -> None:
    data = {"connectionId": str(RUN), "source": "shopify", "tables": ["orders"], "rows": 7}
    message = _read(_event("connection.data_available", data))
    assert (message.data.connection_id, message.data.source, message.data.rows) == (str(RUN), "shopify", 7)
    error = {"code": "AUTH_ERROR", "message": "401", "details": {}, "retryable": False}
    fault = _read(_event("connection.error", {"connectionId": str(RUN), "source": "shopify", "error": error}))
    assert fault.data.error.code == words_pb2.ERROR_CODE_AUTH_ERROR


def _automation_data(**changes: Any) -> dict[str, Any]:
    usual = {
        "automationRunId": str(RUN),
        "automationId": str(AUTOMATION),
        "name": "Orders",
        "slug": "orders",
        "status": "running",
        "triggeredBy": "schedule",
        "createdAt": "2026-01-22T14:30:00+00:00",
        "startedAt": "2026-01-22T14:30:01.5+00:00",
        "completedAt": None,
        "error": None,
        "parentRunId": None,
        "retryOf": None,
        "depth": 0,
    }
    return {**usual, **changes}


@pytest.mark.parametrize("event_type", [name for name in EVENTS if name.startswith("automation.")])
def test_every_event_of_an_automation_run_can_be_told(event_type: str) -> None:
    message = _read(_event(event_type, _automation_data()))
    assert (message.id, message.data.sequence) == (f"{RUN}-2", 2)
    assert (message.data.automation_run_id, message.data.automation_id) == (str(RUN), str(AUTOMATION))


def test_an_automation_run_says_where_it_stands_and_how_it_came_to_be() -> None:
    data = _automation_data(parentRunId="r1", retryOf="a1", depth=2, triggeredBy="automation", status="cancelled")
    found = _read(_event("automation.cancelled", data)).data
    assert (found.name, found.slug, found.depth) == ("Orders", "orders", 2)
    assert found.status == words_pb2.AUTOMATION_RUN_STATUS_CANCELLED
    assert found.triggered_by == words_pb2.AUTOMATION_TRIGGER_AUTOMATION
    assert (found.parent_run_id, found.retry_of) == ("r1", "a1")
    assert found.created_at.ToDatetime(UTC) == datetime(2026, 1, 22, 14, 30, tzinfo=UTC)
    assert found.started_at.ToDatetime(UTC) == datetime(2026, 1, 22, 14, 30, 1, 500000, tzinfo=UTC)
    assert not found.HasField("completed_at")
    assert not found.HasField("error")


@pytest.mark.parametrize("missing", ["startedAt", "completedAt", "error", "parentRunId", "retryOf"])
def test_what_an_automation_run_does_not_have_is_absent(missing: str) -> None:
    without = {name: value for name, value in _automation_data().items() if name != missing}
    for data in (without, {**without, missing: None}):
        found = _read(_event("automation.started", data)).data
        assert not found.HasField(_snake(missing))


@pytest.mark.parametrize(
    ("error", "code", "step", "details"),
    [
        (
            {"code": "DATA_ERROR", "message": "m", "step": "load", "details": {"row": 7}, "retryable": False},
            words_pb2.ERROR_CODE_DATA_ERROR,
            "load",
            {"row": 7},
        ),
        ({"code": None, "message": "m", "step": None}, words_pb2.ERROR_CODE_UNSPECIFIED, "", {}),
        ({"code": "REJECTED", "message": "m"}, words_pb2.ERROR_CODE_UNSPECIFIED, "", {}),
    ],
)
def test_a_failed_automation_run_says_which_step_and_why(error: Any, code: int, step: str, details: Any) -> None:
    data = _automation_data(status="failed", error=error)
    found = _read(_event("automation.failed", data)).data.error
    assert (found.message, found.code, found.step, dict(found.details)) == ("m", code, step, details)
    assert found.HasField("step") is bool(step)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_told_again_an_event_is_the_same_bytes() -> None:
    data = _data(
        result={"b": 1, "a": {"z": 1, "y": [1, 2]}}, trigger={"method": "api", "sourceType": None, "sourceId": None}
    )
    event = _event(data=data)
    shuffled = _event(data=dict(reversed(data.items())), org_id=event.org_id)
    assert events.record_of(event) == events.record_of(shuffled)


@pytest.mark.parametrize("event_type", ["action.exploded", ""])
def test_a_type_that_is_in_no_contract_is_refused(event_type: str) -> None:
    with pytest.raises(LookupError):
        events.message_of(_event(event_type))


@pytest.mark.parametrize(
    ("result", "error", "size", "extra"),
    [
        (None, None, 0, {}),
        ({"recordsProcessed": 2, "tables": ["a"]}, None, 30, {"recordCount": 2, "tables": ["a"]}),
        ({"status_code": 200}, None, 65_536, {"recordCount": None, "tables": []}),
    ],
)
def test_an_ending_adds_its_outcome(result: Any, error: Any, size: int, extra: dict[str, Any]) -> None:
    assert events.outcome(result, error, size) == ({**extra, "result": result} if result else extra)


def test_a_large_result_is_left_out_and_said_to_be() -> None:
    extra = events.outcome({"recordsProcessed": 9, "tables": ["t"]}, None, events.LARGEST_RESULT + 1)
    assert extra == {"recordCount": 9, "tables": ["t"], "resultTruncated": True}
    message = _read(_event(data=_data(**extra)))
    assert message.data.result_truncated
    assert not message.data.HasField("result")


async def test_what_the_statements_write_can_be_told(database: Database) -> None:
    """The journal's JSON as the database builds it, through the whole way."""
    run_id = await database.put("pending", "queued", trigger_source_type="user", trigger_source_id="u")
    pool, owner = await database.pool("extract-worker"), uuid7()
    await statements.claim(pool, owner, ["dlt_extract"], [run_id], 1, "w")
    extra = events.outcome({"recordsProcessed": 4, "tables": ["a"]}, None, 40)
    await statements.finish(
        pool, [statements.Ending(run_id, 1, "completed", {}, None, None, Entry("e", "m", {}), extra)], owner, "w"
    )
    started, completed = [_read(Event.of(row)) for row in await database.events(run_id)]
    assert started.data.status == words_pb2.RUN_STATUS_RUNNING
    assert not started.data.HasField("completed_at")
    assert completed.data.record_count == 4
    assert completed.data.HasField("completed_at")
    assert completed.data.trigger.source_type == words_pb2.TRIGGER_SOURCE_TYPE_USER
