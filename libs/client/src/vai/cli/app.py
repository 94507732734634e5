"""The `vai` command and its groups."""

import os
from importlib.metadata import version
from typing import Annotated

import typer

from .commands import (
    actions,
    admin,
    agents,
    alerts,
    artifacts,
    audit,
    automations,
    chat,
    connections,
    datasets,
    flashboards,
    folder,
    keys,
    kinds,
    models,
    opening,
    people,
    runs,
    search,
    service_accounts,
    sources,
    system,
    threads,
    variables,
)
from .commands import profiles as profile_commands
from .context import OPTIONS, Vai, verb
from .inputs import key_of
from .screen import show
from .settings import Options
from .slips import slips

app = typer.Typer(
    cls=Vai,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs.register(app)
verb(app)(search.search)
app.add_typer(actions.app, name="actions")
app.add_typer(automations.app, name="automations")
app.add_typer(connections.app, name="connections")
app.add_typer(datasets.app, name="datasets")
app.add_typer(artifacts.app, name="artifacts")
app.add_typer(kinds.kinds, name="kinds")
app.add_typer(kinds.templates, name="templates")
app.add_typer(sources.app, name="sources")
app.add_typer(models.app, name="models")
app.add_typer(agents.app, name="agents")
app.add_typer(flashboards.app, name="flashboards")
app.add_typer(threads.app, name="threads")
app.add_typer(alerts.rules, name="alert-rules")
app.add_typer(alerts.alerts, name="alerts")
app.add_typer(variables.variables, name="vars")
app.add_typer(variables.secrets, name="secrets")
verb(app)(chat.chat)
verb(app, "open")(opening.open_page)
verb(app)(system.top)
app.add_typer(system.app, name="system")
app.add_typer(people.users, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(service_accounts.app, name="service-accounts")
app.add_typer(people.organisation, name="organisation")
verb(app)(audit.audit)
verb(app)(people.whoami)
verb(app)(folder.apply)
verb(app)(folder.export)
verb(app)(folder.schema)
app.add_typer(profile_commands.app, name="profile")
app.add_typer(admin.app, name="admin")


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"vai {version('vai-client')}")
        raise typer.Exit


@app.callback()
def vai(
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The platform's address.")] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY|@FILE|-", help="The API key for it; - is the standard input."),
    ] = None,
    profile: Annotated[str | None, typer.Option("--profile", metavar="NAME", help="See `vai profile`.")] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run units of work on connected services, and see what happens.

    The address and the key come from the first of these that is given: --url with --key; --profile; VAI_API_URL with
    VAI_API_KEY; VAI_PROFILE; the profile in use (`vai profile use`); the stack of the current folder (.vai/stack.json,
    written by `make up`). A key is only sent to the address that it belongs to.
    """
    show.FORM.set(show.Form.TABLE)
    OPTIONS.set(Options(url, None if key is None else key_of(key, "--key"), profile))
    for name, near in slips(os.environ).items():
        show.notes().print(f"{name} is not a setting of vai; did you mean {near}?", markup=False)
