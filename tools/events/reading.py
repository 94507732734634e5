"""The public contracts as data: topics, messages and enums of proto/, each with the comment that stands above it."""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc  # type: ignore[import-untyped]

from vai_contracts.vai.options.v1 import options_pb2

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
EVENTS_FILE = "vai/events/v1/events.proto"
_BELL_FILE = "vai/bell/v1/bell.proto"

_MESSAGE, _ENUM, _PACKAGE = 4, 5, 12
_FIELD, _VALUE = 2, 2
_REFERENCE = re.compile(r" \((?:decision|rule) \d+\)| \(document \d+, [^)]*\)")
_SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_BOOL: "bool",
}


@dataclass(frozen=True)
class Field:
    """`type` is a scalar's name, or the full name of a message or an enum; `optional` says absent and empty differ."""

    name: str
    json_name: str
    number: int
    type: str
    repeated: bool
    optional: bool
    comment: str


@dataclass(frozen=True)
class Message:
    """`topic` is empty for what is a part of others."""

    full_name: str
    file: str
    comment: str
    fields: tuple[Field, ...]
    topic: str = ""
    subject: str = ""
    retention_hours: int = 0
    owners: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.full_name.rpartition(".")[2]


@dataclass(frozen=True)
class Enum:
    full_name: str
    comment: str
    values: tuple[tuple[str, int, str], ...]

    @property
    def name(self) -> str:
        return self.full_name.rpartition(".")[2]


@dataclass
class Contracts:
    """What is published: `events` are for anyone, `hint` is for our own services only."""

    messages: dict[str, Message] = field(default_factory=dict)
    enums: dict[str, Enum] = field(default_factory=dict)

    @property
    def events(self) -> list[Message]:
        return [message for message in self.messages.values() if message.topic and message.file == EVENTS_FILE]

    @property
    def hint(self) -> Message:
        return next(message for message in self.messages.values() if message.file == _BELL_FILE)

    def data_of(self, event: Message) -> Message:
        """The message in an event's `data`."""
        return self.messages[event.fields[-1].type]

    def parts_of(self, messages: Sequence[Message]) -> tuple[list[Message], list[Enum]]:
        """The messages and enums within these, at any depth, in the order in which they are met."""
        parts: dict[str, Message] = {}
        enums: dict[str, Enum] = {}
        rest = list(messages)
        for message in rest:
            for one in message.fields:
                if one.type in self.enums:
                    enums.setdefault(one.type, self.enums[one.type])
                elif one.type in self.messages and one.type not in parts:
                    parts[one.type] = self.messages[one.type]
                    rest.append(self.messages[one.type])
        return list(parts.values()), list(enums.values())


def read() -> Contracts:
    """Reads proto/. Exits with protoc's message where a file is wrong."""
    found = Contracts()
    for file in _described([EVENTS_FILE, _BELL_FILE]):
        comments = {tuple(place.path): _text(place.leading_comments) for place in file.source_code_info.location}
        for index, message in enumerate(file.message_type):
            made = _message(file, message, (_MESSAGE, index), comments)
            found.messages[made.full_name] = made
        for index, enum in enumerate(file.enum_type):
            name = f"{file.package}.{enum.name}"
            found.enums[name] = _enum(name, enum, (_ENUM, index), comments)
    return found


def _described(names: Sequence[str]) -> Iterator[FileDescriptorProto]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "described.binpb"
        places = [f"-I{PROTO}", f"-I{files('grpc_tools') / '_proto'}"]
        options = [f"--descriptor_set_out={out}", "--include_source_info", "--include_imports"]
        if protoc.main(["protoc", *places, *options, *names]) != 0:
            sys.exit("protoc refused the files under proto/; its message stands above")
        described = FileDescriptorSet.FromString(out.read_bytes())
    return (file for file in described.file if file.package.startswith("vai."))


def _message(
    file: FileDescriptorProto, message: DescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]
) -> Message:
    published = message.options.Extensions[options_pb2.published]
    fields = [_field(one, comments.get((*path, _FIELD, index), "")) for index, one in enumerate(message.field)]
    return Message(
        full_name=f"{file.package}.{message.name}",
        file=file.name,
        comment=comments.get(path, ""),
        fields=tuple(fields),
        topic=published.topic,
        subject=published.subject.replace("_", " "),
        retention_hours=published.retention_hours,
        owners=tuple(_word(options_pb2.Role.Name(role)) for role in published.owners),
    )


def _field(one: FieldDescriptorProto, comment: str) -> Field:
    return Field(
        name=one.name,
        json_name=one.json_name,
        number=one.number,
        type=one.type_name.removeprefix(".") or _SCALARS[one.type],
        repeated=one.label == FieldDescriptorProto.LABEL_REPEATED,
        optional=one.proto3_optional,
        comment=comment,
    )


def _enum(name: str, enum: EnumDescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]) -> Enum:
    values = [
        (value.name, value.number, comments.get((*path, _VALUE, index), "")) for index, value in enumerate(enum.value)
    ]
    return Enum(name, comments.get(path, ""), tuple(values))


def _word(role: str) -> str:
    return role.removeprefix("ROLE_").lower().replace("_", "-")


def _text(comment: str) -> str:
    """A comment on one line, without the references that only those who work on the platform can follow."""
    return _REFERENCE.sub("", re.sub(r"\s+", " ", comment).strip())
