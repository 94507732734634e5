"""Writes the lists of docs/cli.md (from the commands' own help) and docs/python-client.md (from the client's methods).

What stands between the two marks of a page is drawn; the rest is written by hand. `--check` only says what is stale.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main

from vai import Client
from vai.cli import app
from vai.groups import Group

DOCS = Path(__file__).parents[1] / "docs"
_MARKED = re.compile(r"(<!-- drawn by make generate -->\n).*(<!-- end -->)", re.DOTALL)
_EVERYWHERE = {"output", "as_json", "help"}


def commands() -> str:
    """A table for `vai` itself and for each group."""
    return "\n".join(_groups(typer.main.get_command(app), "vai"))


def _groups(group: Any, name: str) -> Iterator[str]:
    there = {key: each for key, each in group.commands.items() if not each.hidden}
    leaves = {key: each for key, each in there.items() if not hasattr(each, "commands")}
    if leaves:
        yield f"### `{name}`\n\n| Command | Does | Options |\n|---|---|---|"
        yield from (_row(f"{name} {key}", each) for key, each in leaves.items())
        yield ""
    for key, each in there.items():
        if hasattr(each, "commands"):
            yield from _groups(each, f"{name} {key}")


def _row(name: str, command: Any) -> str:
    words = [each.metavar or each.name for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and each.name not in _EVERYWHERE]
    told = " ".join(f"`{'/'.join([*each.opts[:1], *each.secondary_opts])}`" for each in options)
    about = " ".join((command.help or "").split("\n\n")[0].split())
    return f"| `{' '.join([name, *words])}` | {_cell(about)} | {told} |"


def methods() -> str:
    """A row for each method of each group of the client."""
    with Client("http://127.0.0.1:1", None) as client:
        groups = {name: each for name, each in vars(client).items() if isinstance(each, Group)}
    lines = ["| Call | Gives | Does |", "|---|---|---|"]
    for group, held in groups.items():
        names = [each for each in vars(type(held)) if not each.startswith("_")]
        lines += [_call(f"{group}.{name}", getattr(held, name)) for name in names]
    return "\n".join(lines) + "\n"


def _call(name: str, method: Callable[..., Any]) -> str:
    signature = inspect.signature(method)
    words = []
    for each in signature.parameters.values():
        if each.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(each.name if each.default is inspect.Parameter.empty else f"{each.name}=…")
    about = (method.__doc__ or "").split("\n\n")[0]
    return f"| `{name}({', '.join(words)})` | `{_hint(signature.return_annotation)}` | {_cell(about)} |"


def _hint(hint: Any) -> str:
    text = "None" if hint in (None, type(None)) else str(hint if not isinstance(hint, type) else hint.__qualname__)
    if hasattr(hint, "__args__"):
        text = str(hint)
    return re.sub(r"(\w+\.)+", "", text).replace("|", "or").strip("'")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"cli.md": commands, "python-client.md": methods}


def stale() -> list[str]:
    """The pages whose lists are not what the code says."""
    return [name for name, draw in PAGES.items() if _drawn(name, draw) != (DOCS / name).read_text()]


def _drawn(name: str, draw: Callable[[], str]) -> str:
    drawn = draw()
    return _MARKED.sub(lambda found: f"{found[1]}\n{drawn}\n{found[2]}", (DOCS / name).read_text())


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that are stale."""
    old = stale()
    if "--check" in arguments:
        for name in old:
            sys.stderr.write(f"docs/{name} is stale: make generate\n")
        return 1 if old else 0
    for name in old:
        (DOCS / name).write_text(_drawn(name, PAGES[name]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
