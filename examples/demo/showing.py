"""The demo's last outputs: the first rows of the gold table, the extraction's log, the events, the automation's
graph.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from rich.console import Console
from rich.text import Text

from examples.demo.listening import Heard
from vai import ActionRun, AsyncClient, Automation, AutomationRun
from vai.cli.screen.show import Column, clean, log_line, print_table, took
from vai.cli.screen.steps import drawing
from vai_contracts.vai.events.v1 import events_pb2
from vai_contracts.vai.words.v1 import words_pb2
from vai_contracts.words import to_word

_HEAD = 15


def heading(console: Console, text: str, note: str = "") -> None:
    """A section begins."""
    console.print(Text.assemble("\n", (text, "bold"), (f"   {note}" if note else "", "dim")))


def print_gold(console: Console, gold: ActionRun) -> None:
    """The first rows of the Delta table that the run wrote, read from the lake."""
    table = DeltaTable((gold.result or {})["destination_path"]).to_pyarrow_table()
    rows = table.sort_by([("origin", "ascending"), ("place", "ascending")]).slice(0, _HEAD).to_pylist()
    columns = [Column(name, place) for place, name in enumerate(table.column_names)]
    print_table(console, columns, [[str(value) for value in row.values()] for row in rows])


async def print_lineage(console: Console, client: AsyncClient, dataset: str) -> None:
    """How fresh a table is, who wrote it, and each step by which its rows came."""
    found, lineage = await client.datasets.get(dataset), await client.datasets.lineage(dataset, direction="upstream")
    by = f" by {clean(found.last_write.by)}" if found.last_write else ""
    console.print(Text(f"{found.row_count:,} rows, written {took(found.seconds_old)} ago{by}, version {found.version}"))
    names = {node["id"]: clean(node["name"]) for node in lineage.nodes}
    rows = [(names[edge["source"]], names[edge["target"]], edge["runId"]) for edge in lineage.edges]
    print_table(console, [Column("from", 0), Column("to", 0), Column("run", 1)], rows)


async def print_log(console: Console, client: AsyncClient, run: ActionRun) -> None:
    """The run's log as document 004 shows it."""
    async for entry in client.logs.iterate(run.run_id):
        console.print(log_line(entry))


def print_steps(console: Console, automation: Automation, run: AutomationRun) -> None:
    """Every step, and how it stands in the run."""
    for line in drawing(automation.steps, run):
        console.print(line)


def write_graph(svg: str, file: Path) -> str:
    """Writes the drawing of the platform; answers where it lies, seen from here."""
    file.write_text(svg, encoding="utf-8")
    return os.path.relpath(file)


def print_heard(console: Console, path: str, told: Any) -> None:
    """What the webhook has received."""
    text = clean(json.dumps(told, ensure_ascii=False))
    console.print(Text.assemble(("  ✉ ", "yellow"), f"webhook received {clean(path)} {text}"))


def print_events(console: Console, heard: Sequence[Heard], subjects: Mapping[str, str]) -> None:
    """One line for each event about one of the subjects (name by id), in their order and that of the sequence."""
    columns = (Column("topic", 0), Column("about", 1), Column("sequence", 2), Column("says", 0, gives=True))
    print_table(console, columns, _event_rows(heard, subjects))


def _event_rows(heard: Sequence[Heard], subjects: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for subject, name in subjects.items():
        mine = [each for each in heard if each.subject == subject]
        for each in sorted(mine, key=lambda each: each.event.sequence):
            yield each.topic, name, str(each.event.sequence), _said(each.event.data)


def _said(data: Any) -> str:
    """What an event's data says, in a few words."""
    if isinstance(data, events_pb2.AutomationData):
        by = to_word(words_pb2.AutomationTrigger, data.triggered_by)
        return f"{to_word(words_pb2.AutomationRunStatus, data.status)}, triggered by {by}"
    if not hasattr(data, "status"):
        return f"{data.rows:,} rows: {', '.join(data.tables)}"
    status = to_word(words_pb2.RunStatus, data.status)
    return f"{status}, {data.record_count:,} rows" if data.HasField("record_count") else status
