"""`vai profile`: several platforms or people, under a name each."""

import os
from typing import Annotated

import typer
from rich.text import Text

from vai.cli.context import Commands, verb
from vai.cli.inputs import key_of
from vai.cli.profiles import NAME, Profile, Profiles
from vai.cli.screen import show

app = typer.Typer(cls=Commands, help="Profiles: an address and its key under a name. Without a command: list.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


@verb(app, "list")
def list_profiles() -> None:
    """List the profiles; the one in use is marked. Keys are not shown."""
    found = Profiles.of(os.environ)
    rows = [
        {"name": name, "url": each.url, "hasKey": bool(each.key), "current": name == found.current}
        for name, each in sorted(found.entries.items())
    ]
    if show.data(rows):
        return
    columns = (show.Column("Name", 0), show.Column("In use", 2), show.Column("Key", 3), show.Column("Address", 1))
    show.print_table(
        show.output(),
        columns,
        [
            (
                str(row["name"]),
                "*" if row["current"] else "",
                "yes" if row["hasKey"] else "no",
                show.clean(str(row["url"])),
            )
            for row in rows
        ],
    )


@verb(app)
def add(
    name: NameArgument,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="The platform's address, without /api/v1.")],
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="-|@FILE", help="Its API key, from the standard input or a file; asked for if not given."
        ),
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Take it from now on.")] = False,
) -> None:
    """Keep an address with its key, in a file that only you can read; the same name again replaces it."""
    if not NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r}: letters, digits, '.', '_' and '-' only", param_hint="NAME")
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url!r} does not begin with http:// or https://", param_hint="--url")
    if key is not None and key != "-" and not key.startswith("@"):
        message = "a key on the command line can be seen by others and stays in the shell's history; give - or @FILE"
        raise typer.BadParameter(message, param_hint="--key")
    given = typer.prompt("API key", hide_input=True) if key is None else key_of(key, "--key")
    found = Profiles.of(os.environ)
    found.save({**found.entries, name: Profile(url.rstrip("/"), given)}, name if use else found.current)
    show.output().print(
        Text(f"profile {name} added; vai --profile {name} takes it" + (", and it is in use" if use else ""))
    )


@verb(app)
def use(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The profile to take from now on.")] = None,
    none: Annotated[bool, typer.Option("--none", help="None: the stack of the current folder again.")] = False,
) -> None:
    """Choose the profile to use if neither options nor VAI_API_URL give an address."""
    if (name is None) != none:
        raise typer.BadParameter("give a name, or --none", param_hint="NAME")
    found = Profiles.of(os.environ)
    if name is not None:
        found.get(name)
    found.save(found.entries, name)
    show.output().print(Text(f"profile {name} is in use" if name else "no profile is in use"))


@verb(app)
def remove(name: NameArgument) -> None:
    """Forget a profile and its key."""
    found = Profiles.of(os.environ)
    found.get(name)
    left = {each: entry for each, entry in found.entries.items() if each != name}
    found.save(left, None if found.current == name else found.current)
    show.output().print(Text(f"profile {name} removed"))
