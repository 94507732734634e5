"""The parts that all commands share: a client for the settings, printing, and reporting errors."""

import errno
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from vai.async_client import AsyncClient
from vai.client import Client
from vai.errors import VaiError

from .complain import explain
from .screen import show
from .settings import DEFAULT_URL, Options, Settings, find_installation, find_settings

AGENT = "vai-cli"  # runs that it starts have the trigger method `cli` (decision 10)

FAILED = 1  # the run failed, was cancelled or rejected
NOT_DONE = 2  # the command could not be carried out
STILL_GOING = 3  # --wait ran out before the run ended
WITH_ERRORS = 4  # the run completed, but not all of it (completed_with_errors)
INTERRUPTED = 130
NOBODY_READS = 141  # the reader of a pipe has gone, as for any program that SIGPIPE ends

_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}

OPTIONS: ContextVar[Options] = ContextVar("options")
"""What the command line said before the command; set by `vai` itself."""

LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A field, as a.b=c: JSON (x=30 is a number), else text; @FILE a file's text. Repeatable.",
    ),
]
DefinitionOption = Annotated[
    str | None,
    typer.Option("--definition", "-d", metavar="FILE|JSON", help="A JSON file, - for the standard input, or {…}."),
]
ConnectionOption = Annotated[str | None, typer.Option("--connection", help="A connection, by id or slug.")]
KeyOption = Annotated[
    str | None, typer.Option("--idempotency-key", metavar="KEY", help="The same key starts nothing twice.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or how it begins.")]


def settings() -> Settings:
    """From the options, the environment, a profile, or the stack in the current folder. Raises SettingsError."""
    return find_settings(os.environ, Path.cwd(), OPTIONS.get(Options()))


def connect() -> Client:
    """A blocking client for these settings."""
    found = settings()
    return Client(found.api_url, found.api_key, agent=AGENT)


def connect_async() -> AsyncClient:
    """An asynchronous client for these settings."""
    found = settings()
    return AsyncClient(found.api_url, found.api_key, agent=AGENT)


def installation() -> Settings:
    """The address with the installation's credential. Raises SettingsError."""
    return find_installation(os.environ, Path.cwd(), OPTIONS.get(Options()))


def verb(
    app: typer.Typer, name: str | None = None, *, hidden: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command, with `-o` and `--json`, which all have."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name, hidden=hidden)(_printing(function))
        return function

    return register


FormOption = Annotated[
    show.Form, typer.Option("-o", "--output", help="For people, or for programs.", show_choices=True)
]
JsonFlag = Annotated[bool, typer.Option("--json", help="The same as -o json.")]


def _printing(function: Callable[..., None]) -> Callable[..., None]:
    @wraps(function)
    def command(*, output: show.Form, as_json: bool, **values: Any) -> None:
        show.FORM.set(show.Form.JSON if as_json else output)
        function(**values)

    more = {"output": (FormOption, show.Form.TABLE), "as_json": (JsonFlag, False)}
    kind = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.signature(function)
    added = [inspect.Parameter(name, kind, default=held, annotation=hint) for name, (hint, held) in more.items()]
    command.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])  # type: ignore[attr-defined]
    command.__annotations__ = function.__annotations__ | {name: hint for name, (hint, _) in more.items()}
    return command


class Commands(TyperGroup):
    """A group of a noun's verbs: alone, or with options only, it lists (or shows) what there is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        alone = next((name for name in ("list", "show") if name in self.commands), None)
        asks_for_help = args[:1] in (["-h"], ["--help"])
        if alone and not asks_for_help and (not args or args[0].startswith("-")):
            args = [alone, *args]
        return super().parse_args(ctx, args)


class Vai(TyperGroup):
    """The whole command: it turns what goes wrong into words and an exit code."""

    def main(self, *args: Any, **more: Any) -> Any:
        """Output outside of a command (help, the version) can also meet a full disk or a closed pipe."""
        try:
            try:
                return super().main(*args, **more)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except SystemExit as ended:
            if isinstance(ended.__context__, BrokenPipeError):
                raise SystemExit(_unwritten(ended.__context__)) from None
            raise
        except OSError as error:
            raise SystemExit(_unwritten(error)) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
            return result
        except VaiError as error:
            _complain(error)
            raise typer.Exit(NOT_DONE) from error
        except OSError as error:
            raise typer.Exit(_unwritten(error)) from error


def _complain(error: VaiError) -> None:
    try:
        known = settings()
    except VaiError:
        known = Settings(DEFAULT_URL, None, None)
    first, *rest = explain(error, known)
    notes = show.notes()
    notes.print(Text(show.clean(first), "red"))
    for line in rest:
        notes.print(Text(show.clean(line)))


def _unwritten(error: OSError) -> int:
    """The exit code for output that could not be written. The rest of the output is dropped."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return NOBODY_READS
    words = "The output cannot be written" if error.errno in _UNWRITTEN else "This machine says"
    with suppress(OSError):
        show.notes().print(Text(f"{words}: {error.strerror or error}", "red"))
    return NOT_DONE
