"""`vai models`: the language models that may be used, what they cost, and what the day has used."""

import typer
from rich.text import Text

from vai.cli.context import Commands, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import print_list
from vai.models.languages import Model

app = typer.Typer(cls=Commands, help="Language models: list. Without a command: list.")


@verb(app, "list")
def list_models() -> None:
    """List the models of the organisation's connections, with US dollars for a million tokens in and out."""
    columns = [show.Column("Model", 0), show.Column("Provider", 2), show.Column("In", 1), show.Column("Out", 1)]
    columns.append(show.Column("", 3))
    with connect() as client:
        found = client.kinds.models()
    print_list(found.models, len(found.models), columns, _row)
    if show.for_programs():
        return
    for one in found.connections:
        if one.error:
            show.notes().print(f"{show.clean(one.slug)}: {show.clean(str(one.error.get('message', '')))}", markup=False)
    today = found.today
    spent = f"{today.get('tokens', 0):,} tokens, {today.get('dollars', 0):.4f} US dollars"
    left = _left(today.get("tokensLeft"), today.get("dollarsLeft"))
    show.notes().print(f"today: {spent}" + (f"; left: {left}" if left else ""), markup=False)
    if found.default is None:
        show.notes().print("no default: `vai organisation update --set models.default=NAME` sets one", markup=False)


def _left(tokens: int | None, dollars: float | None) -> str | None:
    parts = [] if tokens is None else [f"{tokens:,} tokens"]
    parts += [] if dollars is None else [f"{dollars:.4f} US dollars"]
    return ", ".join(parts) or None


def _row(one: Model) -> tuple[str | Text, ...]:
    price = one.price or {}
    costs = [f"{price[name]:g}" if name in price else "?" for name in ("inputPerMillion", "outputPerMillion")]
    word = "default" if one.is_default else "" if one.allowed else "not allowed"
    return show.clean(one.name), one.provider, *costs, word
