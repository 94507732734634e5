"""What every command needs: a client for the settings, and one way to report what went wrong."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from vai.async_client import AsyncClient
from vai.client import Client
from vai.errors import VaiError

from . import show
from .complain import explain
from .settings import Settings, find_settings

AGENT = "vai-cli"  # runs that it starts have the trigger method `cli` (decision 10)

FAILED = 1  # the run failed, was cancelled or rejected
NOT_DONE = 2  # the command could not be carried out
STILL_GOING = 3  # --wait ran out before the run ended
INTERRUPTED = 130

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A field, as a.b=c; JSON or text. Repeatable.")
]
DefinitionOption = Annotated[
    str | None, typer.Option("--definition", metavar="FILE|JSON", help="A JSON file, - for the standard input, or {…}.")
]
ConnectionOption = Annotated[str | None, typer.Option("--connection", help="A connection, by id or slug.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]


def settings() -> Settings:
    """From the environment, or the stack in the current folder."""
    return find_settings(os.environ, Path.cwd())


def connect() -> Client:
    """A blocking client for these settings."""
    found = settings()
    return Client(found.api_url, found.api_key, agent=AGENT)


def connect_async() -> AsyncClient:
    """An asynchronous client for these settings."""
    found = settings()
    return AsyncClient(found.api_url, found.api_key, agent=AGENT)


class Commands(TyperGroup):
    """A group that turns a VaiError into words and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VaiError as error:
            first, *rest = explain(error, settings())
            notes = show.notes()
            notes.print(Text(show.clean(first), "red"))
            for line in rest:
                notes.print(Text(show.clean(line)))
            raise typer.Exit(NOT_DONE) from error
