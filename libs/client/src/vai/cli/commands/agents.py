"""`vai agents`: saved agents, and what their runs said and did. `vai run call_agent` starts one."""

from typing import Annotated, Any

import typer
from rich.text import Text

from vai.cli import find
from vai.cli.context import Commands, LimitOption, connect, verb
from vai.cli.inputs import read_object
from vai.cli.labels import LabelFilter, label_words
from vai.cli.screen import show
from vai.cli.screen.listing import LIMIT, page_of, print_list
from vai.models.agents import Agent, ToolCall, Transcript, Turn
from vai.models.answers import Run

from . import crystallize

app = typer.Typer(
    cls=Commands, help="Agents: save, show, list, and the transcripts of their runs. Without a command: list."
)
AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="An id, how it begins, or a slug.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE.json", help="The agent as JSON; - for standard input.")]
_LONGEST = 400


@verb(app, "list")
def list_agents(
    q: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only with this in name or slug.")] = None,
    label: LabelFilter = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List agents, newest first."""
    columns = [show.Column("Slug", 1, gives=True), show.Column("Model", 3, gives=True), show.Column("Tools", 4)]
    columns += [show.Column("Name", 2, gives=True), show.Column("Id", 0)]
    with connect() as client:
        print_list(client.agents.iterate(q, label=label, limit=page_of(limit)), limit, columns, _row)


def _row(agent: Agent) -> tuple[str | Text, ...]:
    number = len(agent.tools) + 2 * bool(agent.datasets)
    return agent.slug, show.clean(agent.model or "default"), str(number), show.clean(agent.name), agent.id


def show_agent(agent: AgentArgument) -> None:
    """Show an agent."""
    with connect() as client:
        _print(find.agent(client, agent))


verb(app, "show")(show_agent)
verb(app, "get", hidden=True)(show_agent)


@verb(app)
def create(file: FileArgument) -> None:
    """Save an agent. Errors are shown with their place in the file."""
    body = read_object(file, "FILE.json")
    with connect() as client:
        _print(client.agents.create(body))


@verb(app)
def update(agent: AgentArgument, file: FileArgument) -> None:
    """Change the parts that the file names; runs that have begun go on with the agent as it was."""
    parts = read_object(file, "FILE.json")
    with connect() as client:
        _print(client.agents.update(find.agent(client, agent).id, parts))


@verb(app)
def delete(agent: AgentArgument) -> None:
    """Remove an agent; its runs stay readable."""
    with connect() as client:
        found = find.agent(client, agent)
        client.agents.delete(found.id)
    show.done(f"agent {found.slug} deleted", found.raw)


@verb(app)
def runs(
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]", help="Only of this one: a slug or an id.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only with this status. Repeatable.")] = None,
    label: LabelFilter = None,
    limit: LimitOption = LIMIT,
) -> None:
    """List the runs of agents, newest first."""
    columns = [show.Column("Id", 0), show.Column("Agent", 2, gives=True), show.Column("Status", 1)]
    columns += [show.Column("Question", 3, gives=True)]
    with connect() as client:
        every = client.agents.iterate_runs(agent=agent, status=status, label=label, limit=page_of(limit))
        print_list(every, limit, columns, _run_row)


def _run_row(run: Run) -> tuple[str | Text, ...]:
    asked = (show.clean(str(run.definition.get(name, ""))) for name in ("agent", "question"))
    agent, question = asked
    return run.id, agent, show.status_text(run.display_status), show.shortened(question, 60)


@verb(app)
def transcript(
    run: Annotated[str, typer.Argument(metavar="RUN", help="An id, or how it begins.")],
    after: Annotated[int | None, typer.Option(min=0, help="Only turns behind this one.")] = None,
) -> None:
    """Show what an agent's run said, which tools it called, and what that cost."""
    with connect() as client:
        found = client.agents.transcript(find.whole_id(client, find.AGENT_RUN, run), after=after)
    if show.data(found.raw):
        return
    for turn in found.turns:
        _print_turn(turn)
    _print_end(found)


def _print_turn(turn: Turn) -> None:
    out = show.output()
    out.print(Text(f"{turn.turn}  {turn.model}  {turn.input_tokens:,} + {turn.output_tokens:,} tokens", "dim"))
    if turn.text:
        out.print(Text(show.clean(turn.text)))
    for call in turn.tool_calls:
        out.print(Text.assemble("  ", (show.clean(call.tool), "bold"), "  ", _came_to(call)))
    if turn.told:
        out.print(Text(f"  {show.shortened(show.clean(turn.told), _LONGEST)}", "yellow"))


def _came_to(call: ToolCall) -> Text:
    if call.connection is not None:
        return Text.assemble(show.clean(call.connection), "  ", show.status_text(call.status or ""))
    if call.run_id is None:
        return Text(show.shortened(f"refused: {show.clean(call.refused or '')}", _LONGEST), "yellow")
    return Text.assemble(call.run_id, "  ", show.status_text(call.status or ""))


def _print_end(found: Transcript) -> None:
    used, run = found.used, found.run
    cost = "" if used.get("dollars") is None else f", {used['dollars']:.4f} US dollars"
    tokens = used.get("inputTokens", 0) + used.get("outputTokens", 0)
    words = f"  {used.get('steps', 0)} steps, {used.get('calls', 0)} calls, {tokens:,} tokens{cost}"
    show.output().print(Text.assemble(show.status_text(run.display_status), words))
    if found.has_more:
        show.notes().print(f"there are more: --after {found.turns[-1].turn}", markup=False)


def _print(agent: Agent) -> None:
    if not show.data(agent.raw):
        show.print_facts(_facts(agent))


def _facts(agent: Agent) -> dict[str, Any]:
    tools = [str(one.get("name") or next(filter(None, map(one.get, _THINGS)), "")) for one in agent.tools]
    return {
        "id": agent.id,
        "slug": agent.slug,
        "name": agent.name,
        "about": agent.description,
        "labels": label_words(agent.labels),
        "model": agent.model or "the organisation's default",
        "tools": ", ".join(tools) or None,
        "datasets": ", ".join(agent.datasets) or None,
        "domains": ", ".join(agent.allowed_domains) or None,
        "limits": ", ".join(f"{name} {value}" for name, value in agent.limits.items() if value is not None),
        "instructions": show.shortened(show.clean(agent.instructions), _LONGEST),
    }


_THINGS = ("kind", "action", "automation", "agent")

verb(app)(crystallize.crystallize)
