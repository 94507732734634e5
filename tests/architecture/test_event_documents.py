"""docs/events.md and docs/asyncapi.yaml say what is published."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from google.protobuf.json_format import ParseDict
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from examples.consumers.python.consumer import line
from tests.architecture.workspace import ROOT
from tools.events import samples
from tools.events.headers import HEADERS
from tools.events.reading import Contracts, read
from vai_contracts.topics import EVENTS, owner_of, retention_of, subject_of
from vai_contracts.vai.events.v1 import events_pb2
from vai_records.events.events import message_of

PAGE = (ROOT / "docs/events.md").read_text()
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
CHANNELS = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
TOPICS = sorted(EVENTS)


@cache
def contracts() -> Contracts:
    return read()


def messages_of(topic: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, reference in CHANNELS[topic]["messages"].items():
        yield name, resolved(reference)


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` names, from any place in the document."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def references(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def _words(subject: str) -> str:
    return subject.replace("_", " ")


def test_both_documents_know_every_topic_and_no_other() -> None:
    assert sorted(CHANNELS) == TOPICS
    assert sorted(re.findall(r"^\| \[`([\w.]+)`\]", PAGE, re.MULTILINE)) == TOPICS
    assert set(TOPICS) <= set(re.findall(r"^### ([\w.]+)$", PAGE, re.MULTILINE))


def test_every_reference_leads_somewhere() -> None:
    assert [resolved(node) for node in references(DOCUMENT)]


def test_every_link_of_the_page_leads_to_a_heading_or_a_file() -> None:
    anchors = {heading.lower().replace(".", "").replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert [link for link in links if link.startswith("#") and link[1:] not in anchors] == []
    assert [link for link in links if not link.startswith("#") and not (ROOT / "docs" / link).exists()] == []


@pytest.mark.parametrize("topic", TOPICS)
def test_a_channel_says_retention_key_and_publisher_of_its_contract(topic: str) -> None:
    event = EVENTS[topic]
    kafka = CHANNELS[topic]["bindings"]["kafka"]
    assert kafka["topicConfiguration"]["retention.ms"] == retention_of(topic).total_seconds() * 1_000
    ((name, message),) = messages_of(topic)
    assert (name, message["name"]) == (event.DESCRIPTOR.name, event.DESCRIPTOR.full_name)
    assert message["bindings"]["kafka"]["key"]["description"] == f"Id of the {_words(subject_of(event))}."
    (operation,) = [each for each in DOCUMENT["operations"].values() if resolved(each["channel"]) == CHANNELS[topic]]
    assert operation["description"] == f"Published by {', '.join(owner_of(event))}."


@pytest.mark.parametrize("topic", TOPICS)
def test_the_topics_table_says_the_same(topic: str) -> None:
    (row,) = re.findall(rf"^\| \[`{topic}`\].*$", PAGE, re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    days = f"{retention_of(topic).days} days"
    assert cells[2:] == [f"id of the {_words(subject_of(EVENTS[topic]))}", days, ", ".join(owner_of(EVENTS[topic]))]


@pytest.mark.parametrize("topic", TOPICS)
def test_the_sample_of_a_topic_is_an_event_and_fits_its_schema(topic: str) -> None:
    ((_, message),) = messages_of(topic)
    (example,) = message["examples"]
    assert ParseDict(example["payload"], EVENTS[topic]()) == message_of(samples.event(topic))
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(example["payload"])


@pytest.mark.parametrize("topic", TOPICS)
def test_the_headers_that_are_described_are_those_that_are_sent(topic: str) -> None:
    sent = [name for name, _ in samples.record(topic).headers]
    assert sent == [header.name for header in HEADERS]
    assert sent == re.findall(r"^\| `([\w-]+)` \|", PAGE[PAGE.index("## Headers") :].split("\n## ")[0], re.MULTILINE)


def test_every_field_and_message_that_is_public_is_explained() -> None:
    parts, enums = contracts().parts_of(contracts().events)
    messages = [*contracts().events, *parts]
    assert [m.full_name for m in messages if not m.comment] == []
    assert [f"{m.name}.{field.name}" for m in messages for field in m.fields if not field.comment] == []
    assert [enum.full_name for enum in enums if not enum.comment] == []


def test_the_consumer_that_names_its_topics_names_them_all() -> None:
    code = (ROOT / "examples/consumers/java/src/main/java/example/Event.java").read_text()
    named = dict(re.findall(r'entry\("([\w.]+)", (\w+)\.parser', code))
    assert named == {topic: event.DESCRIPTOR.name for topic, event in EVENTS.items()}


@pytest.mark.parametrize("topic", TOPICS)
def test_the_consumer_in_python_shows_every_event(topic: str) -> None:
    event: Any = EVENTS[topic].FromString(samples.record(topic).value)
    assert f" {topic} {event.id} " in line(topic, event)


def test_the_consumer_in_python_shows_words_that_are_newer_than_its_contracts() -> None:
    event: Any = events_pb2.AutomationFailed(id="a-2")
    event.data.slug, event.data.status = "orders", 99
    assert line("automation.failed", event).endswith("automation.failed a-2 orders 99")
