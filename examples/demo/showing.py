"""What the demo shows at its end: the gold table's head, the extraction's log, the events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deltalake import DeltaTable
from rich.console import Console
from rich.text import Text

from contracts.vai.words.v1 import words_pb2
from contracts.words import to_word
from examples.demo.listening import Heard
from vai import AsyncClient, Run
from vai.cli.show import log_line, print_table

_HEAD = 15


def heading(console: Console, text: str, note: str = "") -> None:
    """A section begins."""
    console.print(Text.assemble("\n", (text, "bold"), (f"   {note}" if note else "", "dim")))


def print_gold(console: Console, gold: Run) -> None:
    """The first rows of the Delta table that the run wrote, read from the lake."""
    table = DeltaTable((gold.result or {})["destination_path"]).to_pyarrow_table()
    rows = table.sort_by([("origin", "ascending"), ("place", "ascending")]).slice(0, _HEAD).to_pylist()
    print_table(console, table.column_names, [[str(value) for value in row.values()] for row in rows])


async def print_log(console: Console, client: AsyncClient, run: Run) -> None:
    """The run's log as document 004 shows it."""
    async for entry in client.logs.iterate(run.id):
        console.print(log_line(entry))


def print_events(console: Console, heard: Sequence[Heard], subjects: Mapping[str, str]) -> None:
    """One line for each event about one of the subjects (name by id), in their order and that of the sequence."""
    print_table(console, ("topic", "about", "sequence", "says"), _event_rows(heard, subjects))


def _event_rows(heard: Sequence[Heard], subjects: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for subject, name in subjects.items():
        mine = [each for each in heard if each.subject == subject]
        for each in sorted(mine, key=lambda each: each.event.sequence):
            yield each.topic, name, str(each.event.sequence), _said(each.event.data)


def _said(data: Any) -> str:
    """What an event's data says, in a few words."""
    tables = f"{', '.join(data.tables)}" if data.tables else ""
    if not hasattr(data, "status"):
        return f"{data.rows:,} rows: {tables}"
    status = to_word(words_pb2.RunStatus, data.status)
    return f"{status}, {data.record_count:,} rows" if data.HasField("record_count") else status
