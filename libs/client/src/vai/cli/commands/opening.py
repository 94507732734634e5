"""`vai open`: the console's page of what somebody names, in the browser."""

import os
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from vai.cli import find
from vai.cli.context import connect, settings
from vai.cli.inputs import is_id
from vai.cli.screen import show
from vai.client import Client
from vai.errors import NotFound

PAGES = (
    *("runs", "automations", "approvals", "actions", "connections", "sources", "datasets", "query", "chat", "agents"),
    *("boards", "alerts", "organisation", "system"),
)
"""The console's own pages, by their addresses."""


class Sort(StrEnum):
    """What may be opened, in the order in which it is looked for."""

    RUN = "run"
    AUTOMATION = "automation"
    AUTOMATION_RUN = "automation-run"
    ACTION = "action"
    CONNECTION = "connection"
    AGENT = "agent"
    THREAD = "thread"
    DATASET = "dataset"
    FLASHBOARD = "flashboard"


@dataclass(frozen=True)
class _Opened:
    folder: str
    by_id: Callable[[Client, str], Any]
    by_name: Callable[[Client, str], Any] | None = None
    sought: find.Sought | None = None


_SORTS = {
    Sort.RUN: _Opened("runs", lambda c, i: c.runs.get(i), sought=find.RUN),
    Sort.AUTOMATION: _Opened(
        "automations", lambda c, i: c.automations.get(i), lambda c, n: c.automations.by_slug(n), find.AUTOMATION
    ),
    Sort.AUTOMATION_RUN: _Opened("automation-runs", lambda c, i: c.automation_runs.get(i), sought=find.AUTOMATION_RUN),
    Sort.ACTION: _Opened("actions", lambda c, i: c.actions.get(i), lambda c, n: c.actions.by_slug(n), find.ACTION),
    Sort.CONNECTION: _Opened("connections", lambda c, i: c.connections.get(i), find.connection, find.CONNECTION),
    Sort.AGENT: _Opened("agents", lambda c, i: c.agents.get(i), lambda c, n: c.agents.by_slug(n), find.AGENT),
    Sort.THREAD: _Opened("chat", lambda c, i: c.threads.get(i), sought=find.THREAD),
    Sort.DATASET: _Opened("datasets", lambda c, i: c.datasets.get(i), lambda c, n: c.datasets.get(n)),
    Sort.FLASHBOARD: _Opened("boards", lambda c, i: c.flashboards.get(i), lambda c, n: c.flashboards.get(n)),
}


def open_page(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN|AUTOMATION|…",
            help="An id, how it begins, a slug, or a page such as `runs`. Without it: the home page.",
        ),
    ] = None,
    sort: Annotated[Sort | None, typer.Option("--type", help="What it is, where several have the name.")] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--print", help="Open it where there is a screen, or only print the address.")
    ] = True,
) -> None:
    """Open the console's page of a run, an automation, … in the browser; print its address."""
    address = settings().api_url.rstrip("/")
    if what is None or (sort is None and what in PAGES):
        kind, path = "page", f"/{what or ''}"
    else:
        with connect() as client:
            kind, name = _found(client, what, sort)
        path = f"/{_SORTS[Sort(kind)].folder}/{quote(name, safe='')}"
    url = address + path
    show.done(url, {"type": kind, "url": url})
    if browser and not show.for_programs() and _has_screen():
        webbrowser.open(url)


def _has_screen() -> bool:
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _found(client: Client, what: str, sort: Sort | None) -> tuple[str, str]:
    """What it is, and the name by which the console knows it. Raises BadParameter if it is nothing, or several."""
    sorts = [sort] if sort else list(Sort)
    found = [(each, name) for each in sorts if (name := _name(client, _SORTS[each], what, alone=sort is not None))]
    if is_id(what):
        found = found[:1]
    if not found:
        known = f"no {sort} is" if sort else "nothing that you may see is"
        raise typer.BadParameter(
            f"{known} called {what!r}; `vai runs`, `vai automations`, … list what there is",
            param_hint="RUN|AUTOMATION|…",
        )
    if len(found) > 1:
        several = " and ".join(f"--type {each}" for each, _ in found)
        raise typer.BadParameter(
            f"several things are called {what!r}: say which by {several}", param_hint="RUN|AUTOMATION|…"
        )
    return found[0]


def _name(client: Client, opened: _Opened, what: str, *, alone: bool) -> str | None:
    try:
        if is_id(what):
            return _named(opened.by_id(client, what))
        if opened.by_name is not None:
            return _named(opened.by_name(client, what))
    except (NotFound, typer.BadParameter):
        pass
    if opened.sought is None or is_id(what) or not find.BEGINNING.fullmatch(what.lower()):
        return None
    try:
        return find.whole_id(client, opened.sought, what)
    except typer.BadParameter:
        if alone:
            raise
        return None


def _named(found: Any) -> str:
    """A flashboard is known by its slug, all else by its id."""
    return str(found.slug if type(found).__name__ == "Flashboard" else found.raw[found.identity])
