"""`vai flashboards`: pages of numbers, charts and tables. `vai run create_flashboard` makes one."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vai.calls import flashboards as calls
from vai.calls import runs
from vai.cli.context import Commands, LimitOption, SetOption, connect, verb
from vai.cli.inputs import assign
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.cli.start import FollowFlag, Stay, WaitOption, start
from vai.models.flashboards import BoardFormat, Flashboard, FlashboardLink, FlashboardVersion

from .saving import save

app = typer.Typer(
    cls=Commands,
    help="Flashboards: list, show, ask, open, refresh, versions, export, share, links, revoke, delete. "
    "Without a command: list.",
)
BoardArgument = Annotated[str, typer.Argument(metavar="FLASHBOARD", help="A slug or an id.")]
VersionOption = Annotated[int | None, typer.Option(min=1, help="That version; else the one that is shown.")]


@verb(app, "list")
def list_flashboards(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in title or slug.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List flashboards, those refreshed last first."""
    columns = [show.Column("Slug", 0), show.Column("Title", 1, gives=True), show.Column("Version", 2)]
    columns += [show.Column("Tiles", 3), show.Column("As of", 1)]
    with connect() as client:
        print_list(client.flashboards.iterate(q, limit=page_of(limit)), limit, columns, _row)


def _row(board: Flashboard) -> tuple[str | Text, ...]:
    as_of = "" if board.version_created_at is None else show.moment(board.version_created_at)
    return board.slug, show.clean(board.title), str(board.version or ""), str(board.tile_count), as_of


@verb(app, "show")
def show_flashboard(flashboard: BoardArgument) -> None:
    """Show what a flashboard is made of, and what became of its newest run."""
    with connect() as client:
        board, address = client.flashboards.get(flashboard), client.api_url
    if show.data(board.raw):
        return
    last = board.last_run or {}
    tiles = [f"{each['key']} ({each['type']})" for each in (board.definition or {}).get("tiles", [])]
    facts = {
        "id": board.id,
        "slug": board.slug,
        "title": show.clean(board.title),
        "version": board.version,
        "as of": board.version_created_at and show.moment(board.version_created_at),
        "tiles": show.clean(", ".join(tiles)),
        "last run": last and f"{last['id']} {last['status']}",
        "why": show.clean(str((last.get("error") or {}).get("message", ""))),
        "page": f"{address}{board.path}",
    }
    show.print_facts({name: value for name, value in facts.items() if value})


@verb(app)
def ask(
    question: Annotated[str, typer.Argument(help="What the flashboard is about, in words.")],
    title: Annotated[str | None, typer.Option(help="Its title; else the model says it.")] = None,
    slug: Annotated[
        str | None, typer.Option(help="Its name in addresses; that of one that is there: its next version.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which model is asked; else the organisation's default.")] = None,
    follow: FollowFlag = None,
    wait: WaitOption = None,
) -> None:
    """Have a language model make a flashboard that answers a question.

    It is kept with its SQL: a refresh needs no model. Exit codes as of vai run.
    """
    definition = {"question": question, "title": title, "slug": slug, "model": model}
    given = {name: value for name, value in definition.items() if value is not None}
    start(runs.create("create_flashboard", given, respond_async=True), Stay(follow, wait))


@verb(app, "open")
def open_flashboard(flashboard: BoardArgument, version: VersionOption = None) -> None:
    """Open a flashboard in the browser, and print its address."""
    with connect() as client:
        board, address = client.flashboards.get(flashboard), client.api_url
    url = f"{address}{board.path}" + (f"?version={version}" if version else "")
    if not show.for_programs():
        webbrowser.open(url)
    show.done(url, {"url": url})


@verb(app)
def refresh(
    flashboard: BoardArgument, values: SetOption = None, follow: FollowFlag = None, wait: WaitOption = None
) -> None:
    """Make a new version. With values of parameters it stands beside the one that is shown.

    Exit codes as of vai run.
    """
    given: dict[str, object] = {}
    for each in values or ():
        assign(given, each)
    start(calls.refresh(flashboard, values=given or None), Stay(follow, wait))


@verb(app)
def versions(flashboard: BoardArgument, limit: LimitOption = LIMIT) -> None:
    """List a flashboard's versions, newest first."""
    columns = [show.Column("Version", 0), show.Column("As of", 0), show.Column("Values", 1, gives=True)]
    columns += [show.Column("Size", 2), show.Column("Run", 1)]
    with connect() as client:
        print_list(client.flashboards.iterate_versions(flashboard, limit=page_of(limit)), limit, columns, _version_row)


def _version_row(version: FlashboardVersion) -> tuple[str | Text, ...]:
    values = ", ".join(f"{name}={value}" for name, value in version.values.items())
    number = f"{version.number}{' (shown)' if version.is_shown else ''}"
    return number, show.moment(version.created_at), show.clean(values), show.size(version.bytes), version.run_id


@verb(app)
def export(
    flashboard: BoardArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; - is the standard output. Else a name is made.")
    ] = None,
    tile: Annotated[str | None, typer.Option(metavar="KEY", help="Only this tile, as a file of its own.")] = None,
    format: Annotated[
        BoardFormat | None, typer.Option(help="Of the whole html or pdf; of a tile csv, and of a chart svg or png.")
    ] = None,
    version: VersionOption = None,
) -> None:
    """Save a flashboard as one HTML file or as PDF, or a tile as CSV, SVG or PNG."""
    if format is not None and (format in ("html", "pdf")) != (tile is None):
        told = "html and pdf are of the whole flashboard" if tile else f"{format} is of a tile: name it with --tile"
        raise typer.BadParameter(told, param_hint="--format")
    made = Path(f"{flashboard}.{format or 'html'}" if tile is None else f"{flashboard}-{tile}.{format or 'csv'}")
    with connect() as client:
        pieces = client.flashboards.export(flashboard, tile, format=format, version=version)
        save(pieces, file or made)


@verb(app)
def share(
    flashboard: BoardArgument,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long the link is good.")] = 7,
    version: VersionOption = None,
    note: Annotated[str | None, typer.Option(help="For whom or what for.")] = None,
) -> None:
    """Make a link that shows a flashboard, and nothing else, to whoever has it."""
    with connect() as client:
        link, address = client.flashboards.share(flashboard, days=days, version=version, note=note), client.api_url
    show.done(f"{address}{link.path}\ngood until {show.moment(link.expires_at)}", link.raw)


@verb(app)
def links(flashboard: BoardArgument, limit: LimitOption = LIMIT) -> None:
    """List a flashboard's links, also those that are over."""
    columns = [show.Column("Id", 0), show.Column("Until", 0), show.Column("Revoked", 1)]
    columns += [show.Column("Note", 1, gives=True)]
    with connect() as client:
        print_list(client.flashboards.iterate_links(flashboard, limit=page_of(limit)), limit, columns, _link_row)


def _link_row(link: FlashboardLink) -> tuple[str | Text, ...]:
    revoked = "" if link.revoked_at is None else show.moment(link.revoked_at)
    return link.id, show.moment(link.expires_at), revoked, show.clean(link.note)


@verb(app)
def revoke(
    flashboard: BoardArgument,
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link's id.")],
) -> None:
    """Let a link show nothing any more."""
    with connect() as client:
        client.flashboards.revoke(flashboard, link)
    show.done(f"link {link} revoked", {"id": link})


@verb(app)
def delete(flashboard: BoardArgument, version: VersionOption = None) -> None:
    """Remove a flashboard with all its data, or one version of it."""
    with connect() as client:
        if version is None:
            client.flashboards.delete(flashboard)
        else:
            client.flashboards.delete_version(flashboard, version)
    what = f"flashboard {flashboard}" if version is None else f"version {version} of {flashboard}"
    show.done(f"{what} deleted", {"flashboard": flashboard, "version": version})
