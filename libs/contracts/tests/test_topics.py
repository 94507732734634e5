"""One word for one thing: the topic, the class and the type of an event are the same word."""

from datetime import timedelta

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from vai_contracts.topics import EVENTS, bell_topic, owner_of, retention_of, subject_of, topic_of
from vai_contracts.vai.bell.v1 import bell_pb2
from vai_contracts.vai.events.v1 import events_pb2

ACTION_EVENTS = {"started", "completed", "failed", "cancelled", "rejected", "awaiting_approval"}
ENVELOPE = ["id", "sequence", "organisation_id", "occurred_at", "data"]


def test_every_public_event_is_found_by_its_type() -> None:
    assert set(EVENTS) == {f"action.{word}" for word in ACTION_EVENTS} | {
        "automation.started",
        "automation.completed",
        "automation.failed",
        "automation.cancelled",
        "connection.data_available",
        "connection.error",
    }


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_an_event_is_named_after_its_topic(topic: str) -> None:
    assert EVENTS[topic].DESCRIPTOR.name == topic.replace(".", "_").title().replace("_", "")


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: topic_of(event))
def test_every_event_has_the_same_envelope_and_numbers(event: type[Message]) -> None:
    assert [(field.name, field.number) for field in event.DESCRIPTOR.fields] == list(
        zip(ENVELOPE, range(1, 6), strict=True)
    )


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: topic_of(event))
def test_every_event_names_who_may_publish_it(event: type[Message]) -> None:
    assert owner_of(event)
    assert "unspecified" not in owner_of(event)


def test_a_completed_run_is_told_by_its_worker_alone() -> None:
    assert owner_of(events_pb2.ActionCompleted) == ("worker",)


def test_a_cancelled_run_is_told_by_whoever_may_cancel_it() -> None:
    assert owner_of(events_pb2.ActionCancelled) == ("api-gateway", "worker", "watchdog")


@pytest.mark.parametrize("topic", [topic for topic in EVENTS if topic.startswith("automation.")])
def test_an_automation_run_is_told_by_the_scheduler_alone(topic: str) -> None:
    assert owner_of(EVENTS[topic]) == ("scheduler",)


def test_an_event_itself_knows_its_topic_as_its_class_does() -> None:
    assert topic_of(events_pb2.ActionFailed()) == topic_of(events_pb2.ActionFailed) == "action.failed"


def test_the_bell_of_a_kind_has_a_topic_of_its_own() -> None:
    assert topic_of(bell_pb2.RunReady) == "run.ready"
    assert bell_topic("dlt_extract") == "run.ready.dlt_extract"


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: topic_of(event))
def test_an_events_key_is_its_subjects_id(event: type[Message]) -> None:
    subjects = {"action": "run", "automation": "automation_run", "connection": "connection"}
    assert subject_of(event) == subjects[topic_of(event).split(".")[0]]
    data = event.DESCRIPTOR.fields_by_name["data"].message_type
    assert f"{subject_of(event)}_id" in data.fields_by_name


def test_hints_have_no_key() -> None:
    assert subject_of(bell_pb2.RunReady) == ""


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_a_public_topic_keeps_what_the_journal_keeps(topic: str) -> None:
    assert retention_of(topic) == timedelta(days=7)


def test_a_hint_is_not_kept_for_long() -> None:
    assert retention_of(bell_topic("dlt_extract")) == timedelta(hours=1)


@pytest.mark.parametrize("topic", ["orders", "run.ready", "action.exploded", ""])
def test_what_is_not_ours_has_no_retention(topic: str) -> None:
    with pytest.raises(LookupError):
        retention_of(topic)


def test_what_is_no_event_has_no_topic() -> None:
    with pytest.raises(LookupError, match=r"vai\.events\.v1\.Trigger is no event"):
        topic_of(events_pb2.Trigger)


def test_an_event_survives_the_wire() -> None:
    event = events_pb2.ActionCompleted(id="0192-7", sequence=7, organisation_id="0192")
    event.data.run_id = "0192"
    event.data.tables.append("bronze.sample.rows")
    event.data.result.update({"recordsProcessed": 3})
    assert events_pb2.ActionCompleted.FromString(event.SerializeToString()) == event


def test_a_run_that_counts_no_records_differs_from_one_that_counted_none() -> None:
    field = events_pb2.ActionData.DESCRIPTOR.fields_by_name["record_count"]
    assert field.type == FieldDescriptor.TYPE_INT64
    assert not events_pb2.ActionData().HasField("record_count")
    assert events_pb2.ActionData(record_count=0).HasField("record_count")
