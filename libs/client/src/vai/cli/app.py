"""The `vai` command and its groups."""

from importlib.metadata import version
from typing import Annotated

import typer

from . import actions, automations, connections, runs
from .context import Commands

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(actions.app, name="actions")
app.add_typer(automations.app, name="automations")
app.add_typer(connections.app, name="connections")
runs.register(app)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"vai {version('vai-client')}")
        raise typer.Exit


@app.callback()
def vai(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Execute and monitor units of work on connected services.

    VAI_API_URL and VAI_API_KEY say where and as whom.
    Without them: the stack of the current folder (.vai/stack.json, which `make up` leaves there).
    """
