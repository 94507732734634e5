"""`vai apply` and `vai export`: variables, secrets, connections, actions and more as files in git."""

import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vai.cli.complain import explain
from vai.cli.context import FAILED, connect, settings
from vai.cli.folder.defaults import Defaults
from vai.cli.folder.documents import read_folder
from vai.cli.folder.plan import Failed, Step, carried_out, missing, planned
from vai.cli.folder.schema import schema_of_files
from vai.cli.folder.sorts import SORTS, Platform, fields_of
from vai.cli.folder.writing import write
from vai.cli.screen import show

_SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "keep": ("=", "dim")}
_SHOWN = 6
TypeName = Enum("TypeName", {name: name for name in SORTS})  # type: ignore[misc]


def apply(
    files: Annotated[
        list[Path],
        typer.Option("-f", "--file", metavar="FILE|FOLDER", help="YAML or JSON files, folders, or -. Repeatable."),
    ],
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would change, and change nothing; exit code 1 if something would.")
    ] = False,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Send all secrets again: what is stored cannot be compared.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Make what is in the files, and change what differs from them: first a plan, then the changes.

    Nothing is deleted, and what a file does not name stays as it is. Run it again and nothing changes.
    """
    documents = read_folder(files, {name: fields_of(name) for name in SORTS})
    with connect() as client:
        platform = Platform(client)
        steps = planned(platform, documents, secrets)
        unset = ", ".join(missing(steps, os.environ))
        pending = [each for each in steps if each.operation != "keep"]
        if plan or not pending:
            _print_plan(steps)
            if unset:
                show.notes().print(Text(f"To apply it, set in the environment: {unset}", "yellow"))
            raise typer.Exit(FAILED if pending else 0)
        if unset:
            raise typer.BadParameter(
                f"nothing was changed: {unset}: not set in the environment, or empty; secrets come from there",
                param_hint="-f",
            )
        if not yes:
            if show.for_programs() or not sys.stdin.isatty():
                raise typer.BadParameter("nobody can be asked here: give --yes, or --plan to change nothing")
            _print_plan(steps)
            typer.confirm("Apply?", abort=True)
        done = list(carried_out(platform, steps, os.environ))
    _print_done(steps, done)
    if any(isinstance(each, Failed) for each in done):
        raise typer.Exit(FAILED)


def _print_plan(steps: list[Step]) -> None:
    if show.data({"applied": False, "steps": [each.to_json() for each in steps]}):
        return
    for each in steps:
        show.output().print(_line(each))
    counts = {name: sum(each.operation == name for each in steps) for name in _SIGNS}
    show.output().print(f"{counts['create']} to create, {counts['update']} to change, {counts['keep']} as they are")


def _line(step: Step) -> Text:
    sign, style = _SIGNS[step.operation]
    more = [*step.changes[:_SHOWN], *(["…"] if len(step.changes) > _SHOWN else [])]
    return Text.assemble((f"{sign} ", style), f"{step.document.label}", (f"  {', '.join(more)}" if more else "", "dim"))


def _print_done(steps: list[Step], done: list[Step | Failed]) -> None:
    failed = [each for each in done if isinstance(each, Failed)]
    words = {id(each.step): explain(each.error, settings()) for each in failed}
    if show.for_programs():
        show.data(
            {
                "applied": True,
                "steps": [
                    each.to_json() | ({"error": "\n".join(words[id(each)])} if id(each) in words else {})
                    for each in steps
                ],
            }
        )
        return
    for each in done:
        if isinstance(each, Step):
            show.output().print(_line(each))
    for fault in failed:
        show.notes().print(Text(f"{fault.step.document.label} ({fault.step.document.place}) was refused:", "red"))
        for line in words[id(fault.step)]:
            show.notes().print(Text(show.clean(line)))
    refused = f", {len(failed)} refused" if failed else ""
    show.output().print(f"{len(done) - len(failed)} applied{refused}")


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go: TYPEs/SLUG.yaml.")],
    types: Annotated[list[TypeName] | None, typer.Option("--type", help="Only of this type. Repeatable.")] = None,
) -> None:
    """Write variables, secrets, connections, actions, automations and agents into files that `vai apply` takes.

    A secret is written as {secret: true}, which means: as it is. To make the object elsewhere, put
    {from_env: NAME} in its place.
    """
    found: list[tuple[Path, bool]] = []
    with connect() as client:
        platform, defaults = Platform(client), Defaults(client)
        for name, sort in SORTS.items():
            if not types or name in {each.value for each in types}:
                found += write(folder, sort, sort.every(platform), defaults)
    if show.data([{"file": str(path), "changed": changed} for path, changed in found]):
        return
    for path, changed in found:
        if changed:
            show.output().print(Text(show.clean(str(path))))
    show.output().print(f"{show.count(len(found), 'object')}, {sum(changed for _, changed in found)} files changed")


def schema() -> None:
    """Print the JSON Schema of these files, for an editor that completes and checks them."""
    with connect() as client:
        found = schema_of_files(client)
    if not show.data(found):
        show.print_json(show.output(), found)
