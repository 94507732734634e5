"""`vai threads`: conversations with agents. `vai chat` says something in one."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from vai.cli import find
from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.threads import Message, Thread

from .crystallize import DryRunFlag, NameOption, ParameterOption, SlugOption, print_made, read_parameters

app = typer.Typer(cls=Commands, help="Chat threads: list, show, rename, delete, crystallize. Without a command: list.")
ThreadArgument = Annotated[str, typer.Argument(metavar="THREAD", help="An id, or how it begins.")]
_SHORT = 60


@verb(app, "list")
def list_threads(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in the name.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only with this agent, by id or slug.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List threads, those first in which something was said last."""
    columns = [show.Column("Id", 0), show.Column("Name", 1, gives=True), show.Column("Agent", 3, gives=True)]
    columns += [show.Column("Messages", 4), show.Column("Last", 2)]
    with connect() as client:
        print_list(client.threads.iterate(q, agent=agent, limit=page_of(limit)), limit, columns, _row)


def _row(thread: Thread) -> tuple[str | Text, ...]:
    moment = show.moment(thread.updated_at)
    return thread.id, show.clean(thread.name), show.clean(whose(thread)), str(thread.messages), moment


def whose(thread: Thread) -> str:
    """The agent's slug, or the model of a thread that has no saved agent."""
    return str(thread.agent.get("slug") or thread.model or "the default model")


def show_thread(
    thread: ThreadArgument,
    branch: Annotated[str | None, typer.Option(metavar="MESSAGE", help="The branch that ends in this message.")] = None,
    limit: LimitOption = LIMIT,
) -> None:
    """Show the last messages of a thread, and their answers."""
    with connect() as client:
        found = client.threads.get(find.whole_id(client, find.THREAD, thread))
        page = client.threads.messages(found.id, branch=branch, limit=page_of(limit))
    if show.data(found.raw | {"shown": [message.raw for message in page.items]}):
        return
    show.output().print(Text.assemble((show.clean(found.name), "bold"), f"  {show.clean(whose(found))}  {found.id}"))
    if page.next is not None:
        show.notes().print("there are earlier ones: --limit", markup=False)
    for message in reversed(page.items):
        print_message(message)


verb(app, "show")(show_thread)
verb(app, "get", hidden=True)(show_thread)


def print_message(message: Message) -> None:
    """What a person said, and what came of it."""
    out = show.output()
    others = len(message.versions) - 1
    more = f"  ({show.count(others, 'other version')})" if others > 0 else ""
    out.print(Text(f"{message.place}  {message.id}{more}", "dim"))
    out.print(Text(f"> {readable(message.text)}", "bold"))
    print_answer(message, out)


def print_answer(message: Message, out: Console) -> None:
    """The answer of a message, or how it stands."""
    answer = message.answer
    if answer is None:
        out.print(Text("its run is gone", "dim"))
    elif answer.error is not None:
        out.print(Text(readable(f"{answer.status}: {answer.error.code}: {answer.error.message}"), "red"))
    elif answer.text is None and answer.output is None:
        out.print(show.status_text(answer.status))
    else:
        out.print(Text(readable(answer.text) if answer.text else ""))
        if answer.output is not None:
            show.print_json(out, answer.output)
        if answer.truncated:
            out.print(Text(f"… the whole answer: vai runs show {answer.run_id} --json", "dim"))


def readable(text: str) -> str:
    """`text` with its lines, and without anything that a terminal would obey."""
    return "\n".join(show.clean(line) for line in text.replace("\r\n", "\n").split("\n"))


@verb(app)
def rename(thread: ThreadArgument, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Give a thread another name."""
    with connect() as client:
        changed = client.threads.update(find.whole_id(client, find.THREAD, thread), name=name)
    show.done(f"thread {changed.id} is called {changed.name}", changed.raw)


@verb(app)
def delete(thread: ThreadArgument) -> None:
    """Remove a thread and stop its answer; what its runs did stays on record."""
    with connect() as client:
        found = client.threads.get(find.whole_id(client, find.THREAD, thread))
        client.threads.delete(found.id)
    show.done(f"thread {found.id} deleted", found.raw)


@verb(app)
def crystallize(
    thread: ThreadArgument,
    name: NameOption = None,
    slug: SlugOption = None,
    parameter: ParameterOption = None,
    dry_run: DryRunFlag = False,
) -> None:
    """Turn what the answers of a thread did into an automation that needs no model."""
    with connect() as client:
        whole = find.whole_id(client, find.THREAD, thread)
        parameters = read_parameters(parameter)
        made = client.threads.crystallize(whole, name=name, slug=slug, parameters=parameters, dry_run=dry_run)
    print_made(made)
