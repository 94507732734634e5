"""`vai agents crystallize`: an agent's run as an automation, and why each part of it is as it is."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import connect
from vai.cli.inputs import assign
from vai.cli.screen import show
from vai.models.agents import Crystallized
from vai.models.answers import Json

NameOption = Annotated[str | None, typer.Option("--name", help="What the automation is called.")]
SlugOption = Annotated[str | None, typer.Option("--slug", help="Its slug; made of the name if not given.")]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A value that is to be an input. Repeatable."),
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Show it, and save nothing.")]


def crystallize(
    run: Annotated[str, typer.Argument(metavar="RUN", help="An id, or how it begins.")],
    name: NameOption = None,
    slug: SlugOption = None,
    parameter: ParameterOption = None,
    dry_run: DryRunFlag = False,
) -> None:
    """Turn what an agent's run did into an automation that needs no model."""
    with connect() as client:
        whole = find.whole_id(client, find.AGENT_RUN, run)
        parameters = read_parameters(parameter)
        made = client.agents.crystallize(whole, name=name, slug=slug, parameters=parameters, dry_run=dry_run)
    print_made(made)


def read_parameters(given: list[str] | None) -> Json | None:
    """`--parameter` as the calls take it."""
    parameters: Json = {}
    for each in given or ():
        assign(parameters, each)
    return parameters or None


def print_made(made: Crystallized) -> None:
    """The automation and its report, for people or for programs."""
    if not show.data(made.raw):
        for line in report(made):
            show.output().print(line)
    show.print_warnings(made.raw)


def report(made: Crystallized) -> Iterator[Text]:
    saved = f"automation {made.automation.slug} saved" if made.automation else "not saved (dry run)"
    yield Text(saved, "bold")
    for step in made.body["steps"]:
        action = step["action"]
        does = show.clean(str(action.get("kind") or action.get("action_id")))
        behind = f"  behind {', '.join(step['depends_on'])}" if step.get("depends_on") else ""
        yield Text.assemble("  ", (show.clean(step["key"]), "bold"), f"  {does}", (show.clean(behind), "dim"))
    found = made.report
    for each in found["inputs"]:
        default = made.body["inputs"][each["name"]].get("default")
        value = "to be given in each run" if default is None else f"default {show.shortened(str(default), 60)}"
        yield Text(show.clean(f"  input {each['name']}: {value} ({each['why']})"))
    for each in found["leftOut"]:
        yield Text(show.clean(f"  left out: {each['tool']} of turn {each['turn']}, {each['why']}"), "dim")
    for each in found["unsure"]:
        yield Text(
            show.clean(f"  unsure: {each['place']} = {each['value']} of {each['tool']} equals {each['equals']}"),
            "yellow",
        )
    for note in found["notes"]:
        yield Text(show.clean(note))
