"""docs/asyncapi.yaml: the same as an AsyncAPI 3 document, for those whose tools read that.

Its schemas describe the messages by protobuf's JSON mapping, which every tool can show; the bytes are protobuf's own,
and `x-protobuf` says of which message and in which file.
"""

from datetime import timedelta
from typing import Any

import yaml  # type: ignore[import-untyped]

from tools.events import samples
from tools.events.headers import HEADERS, Header
from tools.events.reading import Contracts, Enum, Field, Message
from vai_common.messages.topics import PARTITIONS

Json = dict[str, Any]

CONTENT_TYPE = "application/protobuf"
_KAFKA = "0.5.0"
"""The version of AsyncAPI's Kafka bindings."""

_ABOUT = """What happened to a run or to an automation run, and what a connection has for others. At least once and in
no order: `id` tells repeats, `sequence` orders the events of one subject. Topics hold all organisations, so access to
the broker is trust in the whole platform. Drawn from proto/ by `make generate`; docs/events.md says more.
"""
_SCALARS: dict[str, Json] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "string", "pattern": "^-?[0-9]+$", "description": "A 64-bit whole number."},
    "bool": {"type": "boolean"},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Struct": {"type": "object"},
}


def text(contracts: Contracts) -> str:
    """The document as YAML."""
    head = "# Drawn from proto/ by `make generate`; not to be edited.\n"
    body: str = yaml.safe_dump(document(contracts), sort_keys=False, allow_unicode=True, width=118)
    return head + body


def document(contracts: Contracts) -> Json:
    """The document as JSON types."""
    events = contracts.events
    messages, enums = contracts.parts_of(events)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "VAI events",
            "version": "1.0.0",
            "description": _ABOUT,
            "tags": [{"name": word} for word in dict.fromkeys(event.subject for event in events)],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"broker": _server()},
        "channels": {_id(event): _channel(event) for event in events},
        "operations": {f"tell{event.name}": _operation(event) for event in events},
        "components": {
            "messages": {event.name: _message(event) for event in events},
            "messageTraits": {"event": {"headers": _headers(), "contentType": CONTENT_TYPE}},
            "schemas": {part.name: _schema(contracts, part) for part in [*events, *messages]}
            | {enum.name: _words(enum) for enum in enums},
        },
    }


def _server() -> Json:
    variable = {"default": "127.0.0.1:19092", "description": "Of the embedded stack, `kafka` in .vai/stack.json."}
    return {"host": "{bootstrap}", "protocol": "kafka", "variables": {"bootstrap": variable}}


def _channel(event: Message) -> Json:
    kept = timedelta(hours=event.retention_hours) // timedelta(milliseconds=1)
    return {
        "address": event.topic,
        "summary": event.comment,
        "messages": {event.name: {"$ref": f"#/components/messages/{event.name}"}},
        "bindings": {
            "kafka": {
                "topic": event.topic,
                "partitions": PARTITIONS,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": kept},
                "bindingVersion": _KAFKA,
            }
        },
    }


def _operation(event: Message) -> Json:
    channel = f"#/channels/{_id(event)}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "summary": event.comment,
        "description": f"Published by {', '.join(event.owners)}.",
        "tags": [{"name": event.subject}],
        "messages": [{"$ref": f"{channel}/messages/{event.name}"}],
    }


def _message(event: Message) -> Json:
    key = {"type": "string", "format": "uuid", "description": f"Id of the {event.subject}."}
    sample = samples.payload(event.topic)
    named = {"name": "one", "summary": "In protobuf's JSON", "headers": samples.headers(event.topic), "payload": sample}
    return {
        "name": event.full_name,
        "title": event.name,
        "summary": event.comment,
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"$ref": f"#/components/schemas/{event.name}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": _KAFKA}},
        **({} if sample is None else {"examples": [named]}),
    }


def _headers() -> Json:
    return {
        "type": "object",
        "required": [header.name for header in HEADERS if header.always],
        "properties": {header.name: _header(header) for header in HEADERS},
    }


def _header(header: Header) -> Json:
    return {"type": "string", **({"format": header.format} if header.format else {}), "description": header.says}


def _schema(contracts: Contracts, message: Message) -> Json:
    return {
        "type": "object",
        **_described(message.comment),
        "properties": {one.json_name: _property(contracts, one) for one in message.fields},
        "x-protobuf": {"message": message.full_name, "file": f"proto/{message.file}"},
    }


def _property(contracts: Contracts, one: Field) -> Json:
    if one.type in contracts.messages or one.type in contracts.enums:
        kind: Json = {"$ref": f"#/components/schemas/{one.type.rpartition('.')[2]}"}
    else:
        kind = dict(_SCALARS[one.type])
    shown: Json = {"type": "array", "items": kind} if one.repeated else kind
    said = {**_described(one.comment), "x-protobuf-number": one.number}
    # What stands beside a $ref does not count, so it stands around it.
    return {"allOf": [shown], **said} if "$ref" in shown else {**shown, **said}


def _words(enum: Enum) -> Json:
    return {"type": "string", **_described(enum.comment), "enum": [name for name, _, _ in enum.values]}


def _described(comment: str) -> Json:
    return {"description": comment} if comment else {}


def _id(event: Message) -> str:
    """`ActionCompleted` → `actionCompleted`."""
    return event.name[0].lower() + event.name[1:]
