"""`vai datasets`: the tables of the lake, what is in them, and where their rows come from and go."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.datasets import Dataset, DatasetDetail, Direction, FileFormat, Layer, Lineage, Write

from .saving import save

app = typer.Typer(
    cls=Commands,
    help="Tables of the lake: list, show, preview, profile, download, versions, lineage. Without a command: list.",
)
DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A name with its layer, as gold.sales or bronze.shop.orders, or an id.")
]
VersionOption = Annotated[int | None, typer.Option(min=0, help="An earlier version, of silver and gold.")]
_LONGEST_CELL = 60
_MOST_UNKNOWN = 20


@verb(app, "list")
def list_datasets(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")] = None,
    layer: Annotated[Layer | None, typer.Option(help="Only of this layer.")] = None,
    connection: Annotated[str | None, typer.Option(help="Only bronze that this connection fills.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List the tables, those written last first."""
    columns = [show.Column("Dataset", 0), show.Column("Rows", 1), show.Column("Written", 2)]
    columns += [show.Column("By", 3, gives=True)]
    with connect() as client:
        every = client.datasets.iterate(q, layer=layer, connection=connection, limit=page_of(limit))
        print_list(every, limit, columns, _row)


def _row(found: Dataset) -> tuple[str | Text, ...]:
    by = show.clean(found.last_write.by) if found.last_write else ""
    return found.name, f"{found.row_count:,}", _ago(found.seconds_old), by


def _ago(seconds: float) -> str:
    return f"{show.took(seconds)} ago" if seconds < 172_800 else f"{seconds / 86_400:.0f} days ago"


def show_dataset(dataset: DatasetArgument) -> None:
    """Show a table: its columns, its size, how fresh it is, who wrote it, what reads it."""
    with connect() as client:
        found = client.datasets.get(dataset)
    if show.data(found.raw):
        return
    show.print_facts(_facts(found))
    columns = [show.Column("Column", 0), show.Column("Type", 0)]
    show.print_table(show.output(), columns, [(show.clean(one["name"]), one["type"]) for one in found.columns])


verb(app, "show")(show_dataset)
verb(app, "get", hidden=True)(show_dataset)


def _facts(found: DatasetDetail) -> dict[str, Any]:
    last = found.last_write
    return {
        "dataset": found.name,
        "id": found.id,
        "rows": f"{found.row_count:,}",
        "size": None if found.bytes is None else show.size(found.bytes),
        "files": found.files,
        "version": found.version,
        "fresh": f"written {_ago(found.seconds_old)} ({show.moment(found.updated_at)})",
        "written by": last and last.by,
        "run": last and last.run_id,
        "read by": ", ".join(one.name for one in found.read_by) or None,
        "upkeep": _upkeep(found.upkeep),
        "location": found.location,
    }


def _upkeep(found: dict[str, Any]) -> str | None:
    """The rule, and what was done last: `versions kept 24 h; 12 files became 1, 0 old files removed (2026-…)`."""
    if not found:
        return None
    rule, last = found["rule"], found["last"]
    said = f"versions kept {rule['keepHours']} h" + ("" if rule["compact"] else ", small files stay")
    if last is None:
        return f"{said}; not yet looked after"
    when = show.moment(datetime.fromisoformat(last["at"]))
    if last["error"]:
        return f"{said}; failed {when}: {show.clean(last['error'])}"
    became = f"{last['compacted']:,} files became {last['into']:,}, " if last["compacted"] else ""
    return f"{said}; {became}{last['removed'] or 0:,} old files removed ({when})"


@verb(app)
def preview(
    dataset: DatasetArgument,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = LIMIT,
    version: VersionOption = None,
) -> None:
    """Show some rows of a table, in no order."""
    with connect() as client:
        found = client.datasets.preview(dataset, rows=rows, version=version)
    if show.data(found.raw):
        return
    names = [one["name"] for one in found.columns]
    if not names:
        show.notes().print("it has no columns yet")
        return
    columns = [show.Column(show.clean(name), place, gives=True) for place, name in enumerate(names)]
    show.print_table(show.output(), columns, [[_cell(row.get(name)) for name in names] for row in found.rows])
    if found.cut:
        show.notes().print(Text("long values are cut; vai datasets download gives all", "dim"))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return show.shortened(show.clean(text), _LONGEST_CELL)


@verb(app)
def profile(
    dataset: DatasetArgument,
    column: Annotated[str, typer.Argument(metavar="COLUMN", help="A column's name.")],
    version: VersionOption = None,
) -> None:
    """Show what the values of a column are like."""
    with connect() as client:
        found = client.datasets.profile(dataset, column, version=version)
    if show.data(found.raw):
        return
    facts: dict[str, str | None] = {
        "column": found.column,
        "type": found.type,
        "rows": f"{found.rows:,}",
        "nulls": f"{found.nulls:,}",
        "distinct": f"about {found.distinct:,}",
        "min": found.min,
        "max": found.max,
        "mean": None if found.mean is None else f"{found.mean:g}",
        "quartiles": " · ".join(f"{each:g}" for each in found.quartiles or ()) or None,
    }
    show.print_facts(facts)
    if found.most_frequent:
        rows = [(_cell(one["value"]), f"{one['rows']:,}") for one in found.most_frequent]
        show.print_table(show.output(), [show.Column("Value", 0, gives=True), show.Column("Rows", 0)], rows)


@verb(app)
def download(
    dataset: DatasetArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; - is the standard output. Else <name>.<format>.")
    ] = None,
    format: Annotated[FileFormat | None, typer.Option(help="By the file's name where it is not given.")] = None,
    version: VersionOption = None,
) -> None:
    """Download a table as parquet or csv. The file appears once it is complete."""
    kind = format or ("csv" if file is not None and file.suffix.lower() == ".csv" else "parquet")
    target = file or Path(f"{dataset}.{kind}")
    with connect() as client:
        pieces = client.datasets.download(dataset, format=kind, version=version)
        save(pieces, target)


@verb(app)
def versions(dataset: DatasetArgument, limit: LimitOption = LIMIT) -> None:
    """List what runs wrote into a table, newest first."""
    columns = [show.Column("Written", 0), show.Column("Version", 1), show.Column("Rows", 2)]
    columns += [show.Column("By", 3, gives=True), show.Column("Run", 1)]
    with connect() as client:
        print_list(client.datasets.iterate_versions(dataset, limit=page_of(limit)), limit, columns, _write_row)


def _write_row(write: Write) -> tuple[str | Text, ...]:
    version = "" if write.version is None else str(write.version)
    return show.moment(write.written_at), version, f"{write.rows:,}", show.clean(write.by), write.run_id


@verb(app)
def lineage(
    dataset: DatasetArgument,
    direction: Annotated[Direction, typer.Option(help="Where its rows come from, or where they go.")] = "both",
    depth: Annotated[int, typer.Option(min=1, max=20, help="How many steps away.")] = 5,
    with_columns: Annotated[bool, typer.Option("--columns", help="Which column comes from which.")] = False,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this column of it comes from, and leads to.")
    ] = None,
) -> None:
    """Show where the rows of a table come from and where they go: a line for each step."""
    with connect() as client:
        asked = True if with_columns or column is not None else None
        found = client.datasets.lineage(dataset, direction=direction, depth=depth, columns=asked, column=column)
    if show.data(found.raw):
        return
    if asked:
        _print_columns(found)
        return
    names = {node["id"]: show.clean(node["name"]) for node in found.nodes}
    columns = [show.Column("From", 0), show.Column("To", 0), show.Column("By", 2, gives=True), show.Column("Run", 1)]
    rows = [(names[one["source"]], names[one["target"]], _carrier(one), one["runId"]) for one in found.edges]
    if rows:
        show.print_table(show.output(), columns, rows)
    else:
        show.notes().print("nothing is known of it: it is known from its next run on")
    if not found.complete:
        show.notes().print(Text("there is more beyond: --depth", "dim"))


def _print_columns(found: Lineage) -> None:
    names = {node["id"]: show.clean(node["name"]) for node in found.nodes}

    def named(dataset: str, column: str) -> str:
        return f"{names.get(dataset, dataset)}: {show.clean(column)}"

    rows = [
        (named(one["source"], one["sourceColumn"]), named(one["target"], one["targetColumn"]), one["how"])
        for one in found.columns or ()
    ]
    if rows:
        show.print_table(show.output(), [show.Column("From", 0), show.Column("To", 0), show.Column("How", 1)], rows)
    else:
        show.notes().print("no column is known to come from another")
    for one in found.unknown_columns or ():
        columns = ", ".join(map(show.clean, one["columns"][:_MOST_UNKNOWN])) or "its columns"
        more = f" and {len(one['columns']) - _MOST_UNKNOWN:,} more" if len(one["columns"]) > _MOST_UNKNOWN else ""
        why = f" ({show.clean(one['reason'])})" if one["reason"] else ""
        show.notes().print(
            Text(f"not known in {names.get(one['dataset'], one['dataset'])}: {columns}{more}{why}", "dim")
        )
    if not found.complete:
        show.notes().print(Text("there is more beyond: --depth, or --column", "dim"))


def _carrier(edge: dict[str, Any]) -> str:
    named = (one["name"] for one in (edge["automation"], edge["action"]) if one and one["name"])
    return show.clean(next(named, ""))
