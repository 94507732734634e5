"""What an agent's run really did: its calls in order, each with what the model set and what it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

from vai_common.queries import Row
from vai_records.agents.definition import DESCRIBE, QUERY, AgentDefinition, Tool
from vai_records.agents.tools import searched
from vai_records.agents.turns import Turn
from vai_records.crystallization.origins import Source, sources_of

Json = dict[str, Any]

READING: Final = frozenset(
    ("generate_query", "explain_schema", "web_search", "fetch_page", "agent_search", "agent_fetch_page")
)
"""Kinds that change nothing outside of the platform, nor in the lake."""
ASKING_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True)
class Call:
    """One call that became a run.

    `given` is what the model set, `fixed` what its tool sets beside that; `action` is the saved action, if it is one.
    `error` is the code of the error of a run that failed.
    """

    number: int
    turn: int
    tool: str
    kind: str
    given: Json
    run_id: str
    status: str
    result: Any = None
    fixed: Mapping[str, Any] | None = None
    action: str | None = None
    approval: bool = False
    error: str | None = None

    @cached_property
    def sources(self) -> list[Source]:
        """The values that later calls may have from it."""
        return sources_of(self.result, self.given)

    @property
    def only_reads(self) -> bool:
        """Whether it changed nothing: to leave it out, or to do it once instead of twice, changes nothing either."""
        if self.kind == "http_request":
            method = self.given.get("method") or (self.fixed or {}).get("method") or "GET"
            return self.action is None and str(method).upper() in ASKING_METHODS
        return self.kind in READING


@dataclass(frozen=True)
class LeftOut:
    """A call that is no step, and why. `run_id` is None where the platform had refused it."""

    turn: int
    tool: str
    why: str
    run_id: str | None = None

    def as_json(self) -> Json:
        return {"turn": self.turn, "tool": self.tool, "runId": self.run_id, "why": self.why}


@dataclass(frozen=True)
class ByServer:
    """A call that an MCP server has done. No step can do it: the automation has to do without."""

    turn: int
    tool: str
    connection: str

    def as_json(self) -> Json:
        return {"turn": self.turn, "tool": self.tool, "connection": self.connection}


@dataclass(frozen=True)
class Recording:
    """A run of an agent that has completed. `day` is the day (UTC) on which it began; `text` what it answered."""

    agent: str
    question: str
    inputs: Json
    calls: Sequence[Call]
    refused: Sequence[LeftOut]
    text: str
    output: Any
    day: date
    by_servers: Sequence[ByServer] = ()


def recorded(
    agent: tuple[str, AgentDefinition], asked: Json, turns: Sequence[Turn], runs: Mapping[str, Row], day: date
) -> Recording:
    """`agent`: its slug, and what it was when the run began; `asked`: the run's `question` and `inputs`, and what it
    came to (`answer`, `output`); `runs` are those of its calls, by id: kind, status, result, error, action (a slug).
    """
    slug, definition = agent
    tools = {tool.called: tool for tool in definition.tools}
    calls: list[Call] = []
    refused: list[LeftOut] = []
    by_servers: list[ByServer] = []
    for turn in turns:
        for told in turn.calls or []:
            if (mcp := told.get("mcp")) is not None:
                by_servers.append(ByServer(turn.turn, told["tool"], mcp["connection"]))
                why = f"the MCP server {mcp['connection']} did it, which no step can: the automation does without"
                refused.append(LeftOut(turn.turn, told["tool"], why))
                continue
            row = runs.get(str(told.get("run_id")))
            if row is None:
                why = f"refused: {told['refused']}" if "refused" in told else "its run is gone"
                refused.append(LeftOut(turn.turn, told["tool"], why, told.get("run_id")))
                continue
            tool = tools.get(told["tool"])
            given = told["arguments"] if isinstance(told["arguments"], dict) else {}
            error = row["error"].get("code") if row["error"] else None
            calls.append(
                Call(len(calls) + 1, turn.turn, told["tool"], row["kind"], given, told["run_id"], row["status"],
                     row["result"], _fixed(told["tool"], tool, row["kind"], given, definition), row["action"],
                     tool is not None and tool.approval, error)
            )  # fmt: skip
    inputs = asked.get("inputs") or {}
    answer, output = asked.get("answer") or "", asked.get("output")
    return Recording(slug, asked["question"], inputs, calls, refused, answer, output, day, by_servers)


def joined(recordings: Sequence[Recording]) -> Recording:
    """What was done one after the other, as if one run had done it: the answers of a thread, in their order.

    Calls and turns are counted through; the day, and the agent that writes texts, are those of the last one.
    """
    if len(recordings) == 1:
        return recordings[0]
    calls: list[Call] = []
    refused: list[LeftOut] = []
    by_servers: list[ByServer] = []
    turn = 0
    for one in recordings:
        calls += [replace(call, number=len(calls) + place, turn=call.turn + turn)
                  for place, call in enumerate(one.calls, 1)]  # fmt: skip
        refused += [replace(left, turn=left.turn + turn) for left in one.refused]
        by_servers += [replace(call, turn=call.turn + turn) for call in one.by_servers]
        turn = max([turn, *(call.turn for call in calls), *(left.turn for left in refused)])
    last = recordings[-1]
    question = "\n\n".join(one.question for one in recordings)
    text = "\n\n".join(one.text for one in recordings if one.text)
    output = [one.output for one in recordings if one.output is not None] or None
    inputs = {name: value for one in recordings for name, value in one.inputs.items()}
    return Recording(last.agent, question, inputs, calls, refused, text, output, last.day, by_servers)


def _fixed(name: str, tool: Tool | None, kind: str, given: Json, agent: AgentDefinition) -> Json:
    """What the platform set beside the model (as `vai_agent_worker.agents.toolbox` does)."""
    if tool is None:
        return {"datasets": list(agent.datasets)} if name == QUERY else {"meanings": False} if name == DESCRIBE else {}
    if tool.automation is not None:
        return {"automation": tool.automation}
    if tool.agent is not None:
        return {"agent": tool.agent}
    fixed: Json = dict(tool.fixed)
    if kind == "http_request" and "url" in given:
        fixed["follow_redirects"] = False
    if kind == "agent_search" and "include_domains" not in given:
        fixed["include_domains"] = searched(agent.allowed_domains)
    return fixed
