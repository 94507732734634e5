"""The calls about agents and their runs."""

from collections.abc import Sequence

from vai.call import API, PAGE, Call, Page, get_call, given, nothing, offset_list, segment
from vai.models.agents import Agent, Crystallized, Transcript
from vai.models.answers import Json, Run


def create(body: Json) -> Call[Agent]:
    """Save an agent: `name`, `instructions`, and what else `docs/agents.md` lists. Without `slug` one is made."""
    return Call("POST", f"{API}/agents", Agent.read, body=body)


def get(agent_id: str) -> Call[Agent]:
    """The agent with this id."""
    return get_call(f"/agents/{segment(agent_id)}", Agent.read)


def by_slug(slug: str) -> Call[Agent]:
    """The agent with this slug."""
    return get_call(f"/agents/slug/{segment(slug)}", Agent.read)


def update(agent_id: str, parts: Json, *, if_match: str | None = None) -> Call[Agent]:
    """Change what `parts` names; runs that have begun go on with the agent as it was.

    With `if_match`, its `etag`, only if nobody has changed it since you read it: ApiError 412.
    """
    headers = {} if if_match is None else {"If-Match": if_match}
    return Call("PATCH", f"{API}/agents/{segment(agent_id)}", Agent.read, body=parts, headers=headers)


def delete(agent_id: str) -> Call[None]:
    """Hide the agent; its runs stay readable. Conflict where another agent has it as a tool."""
    return Call("DELETE", f"{API}/agents/{segment(agent_id)}", nothing)


def listing(
    q: str | None = None, *, label: str | Sequence[str] | None = None, limit: int = PAGE, offset: int = 0
) -> Call[Page[Agent]]:
    """Agents, newest first; `q` looks in name and slug, `label` is `key=value` or `key`."""
    return offset_list("/agents", "agents", Agent, given(q=q, label=label, limit=limit), offset)


def runs(
    *,
    agent: str | None = None,
    status: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[Run]]:
    """Runs of agents, newest first, of one by its slug or id. Start one with `client.runs.create("call_agent", …)`."""
    query = given(agent=agent, status=status, label=label, limit=limit)
    return offset_list("/agents/runs", "runs", Run, query, offset)


def transcript(run_id: str, *, after: int | None = None, limit: int | None = None) -> Call[Transcript]:
    """What the run said and did, behind the turn `after`; 100 turns at most, `has_more` says whether there are more."""
    return get_call(f"/agents/runs/{segment(run_id)}", Transcript.read, after=after, limit=limit)


def crystallize(
    run_id: str,
    *,
    name: str | None = None,
    slug: str | None = None,
    parameters: Json | None = None,
    dry_run: bool = False,
) -> Call[Crystallized]:
    """Turn a completed run into an automation; `parameters` name values of the run that are to be inputs.

    With `dry_run` nothing is saved. Conflict where the run has not completed, or called nothing.
    """
    body = given(name=name, slug=slug, parameters=parameters)
    query = {"dry_run": "true"} if dry_run else {}
    return Call("POST", f"{API}/agents/runs/{segment(run_id)}/crystallize", Crystallized.read, body=body, query=query)


def stream(run_id: str, after: str | None = None) -> Call[None]:
    """The live run as server-sent events, after the entry `after`."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    return Call("GET", f"{API}/agents/runs/{segment(run_id)}/stream", nothing, headers=headers, repeatable=True)
