"""docs/events.md: the template's prose with the tables of what proto/ says."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from tools.events import samples
from tools.events.headers import HEADERS
from tools.events.reading import Contracts, Enum, Field, Message
from vai_common.messages.topics import PARTITIONS
from vai_records.events.replay import JOURNAL

_TEMPLATE = Path(__file__).with_name("events.md.template")
_WELL_KNOWN = {"google.protobuf.Timestamp": "Timestamp (UTC)", "google.protobuf.Struct": "Struct (JSON object)"}

_SHOWN = ("action.completed", "automation.failed", "connection.data_available", "connection.error")
"""One event for each kind of data; asyncapi.yaml has one of every type."""


def page(contracts: Contracts) -> str:
    """The whole page."""
    return Template(_TEMPLATE.read_text()).substitute(
        partitions=PARTITIONS,
        journal_days=JOURNAL.days,
        topics=_topics(contracts),
        headers=_headers(),
        envelope=_fields(contracts, _envelope(contracts)),
        events="\n\n".join(_event(contracts, event) for event in contracts.events),
        parts=_parts(contracts),
    )


def _topics(contracts: Contracts) -> str:
    rows = [
        (f"[`{e.topic}`](#{_anchor(e.topic)})", f"`{e.full_name}`", f"id of the {e.subject}", _kept(e), _owners(e))
        for e in contracts.events
    ]
    hint = contracts.hint
    note = f"`{hint.topic}.<kind>` (hints between our own services; not for you)"
    rows.append((note, f"`{hint.full_name}`", "none", _kept(hint), _owners(hint)))
    return _table(("Topic", "Message", "Key", "Kept", "Published by"), rows)


def _kept(message: Message) -> str:
    days, hours = divmod(message.retention_hours, 24)
    return f"{days} days" if days and not hours else f"{message.retention_hours} h"


def _owners(message: Message) -> str:
    return ", ".join(message.owners)


def _headers() -> str:
    rows = [(f"`{header.name}`", header.says) for header in HEADERS]
    return _table(("Header", "Says"), rows)


def _envelope(contracts: Contracts) -> tuple[Field, ...]:
    """The fields before `data`. Raises ValueError where an event has others."""
    first, *others = ([(f.name, f.number, f.type) for f in event.fields[:-1]] for event in contracts.events)
    if any(other != first for other in others) or any(e.fields[-1].name != "data" for e in contracts.events):
        raise ValueError("not every event has the same first fields, and then `data`")
    return contracts.events[0].fields[:-1]


def _event(contracts: Contracts, event: Message) -> str:
    data = contracts.data_of(event)
    lines = [
        f"### {event.topic}",
        "",
        event.comment,
        "",
        f"Message `{event.full_name}`, its `data` is {_linked(data.name)}. Key: the {event.subject}'s id. "
        f"Kept {_kept(event)}. Published by {_owners(event)}.",
    ]
    if event.topic in _SHOWN:
        shown = json.dumps(samples.payload(event.topic), indent=2, ensure_ascii=False)
        lines += ["", "<details><summary>One, in protobuf's JSON</summary>", "", "```json", shown, "```", ""]
        lines += ["</details>"]
    return "\n".join(lines)


def _parts(contracts: Contracts) -> str:
    messages, enums = contracts.parts_of(contracts.events)
    return "\n\n".join([*(_part(contracts, part) for part in messages), *(_words(enum) for enum in enums)])


def _part(contracts: Contracts, message: Message) -> str:
    return "\n".join([f"### {message.name}", "", *_said(message.comment), _fields(contracts, message.fields)])


def _words(enum: Enum) -> str:
    rows = [(f"`{name}`", str(number)) for name, number, _ in enum.values]
    return "\n".join([f"### {enum.name}", "", *_said(enum.comment), _table(("Value", "Number"), rows)])


def _said(comment: str) -> Iterable[str]:
    return [comment, ""] if comment else []


def _fields(contracts: Contracts, fields: Sequence[Field]) -> str:
    rows = [(str(one.number), f"`{one.name}`", _type(contracts, one), one.comment) for one in fields]
    return _table(("No.", "Field", "Type", "Says"), rows)


def _type(contracts: Contracts, one: Field) -> str:
    name = _WELL_KNOWN.get(one.type, one.type)
    if one.type in contracts.messages or one.type in contracts.enums:
        name = _linked(one.type.rpartition(".")[2])
    return ("optional " if one.optional else "repeated " if one.repeated else "") + name


def _linked(name: str) -> str:
    return f"[{name}](#{_anchor(name)})"


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return heading.lower().replace(".", "").replace(" ", "-")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
