"""What an agent's run said and did, turn by turn, as REST shows it. What is long is cut and said to be."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import Field

from vai_api_gateway.http.shapes import Json, RunShape, Shape, StatusName
from vai_common.queries import Row
from vai_records.agents.turns import Turn, status_of, was_made

MOST_TEXT = 20_000
MOST_RESULT = 4_000
MOST_ARGUMENTS = 8_000
"""Bytes; all of them are in the definition of the call's run."""


class ToolCallShape(Shape):
    """`runId` is the run of the call; `refused` says why there is none. `connection`: an MCP server does it, no run."""

    id: str
    tool: str
    arguments: Any
    run_id: UUID | None
    status: StatusName | None
    connection: str | None
    refused: str | None
    result: str | None = Field(description="What the model read of it, up to 4,000 characters; null: not there yet.")
    truncated: bool = Field(description="Whether arguments or result are longer than shown; their run has all.")


class TurnShape(Shape):
    """One answer of the model. `told` is what was said to it where nothing could be done with the answer."""

    turn: int
    model: str
    text: str
    truncated: bool
    tool_calls: list[ToolCallShape]
    told: str | None
    input_tokens: int
    output_tokens: int
    dollars: float | None
    created_at: datetime


class UsedShape(Shape):
    steps: int
    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float | None = Field(description="US dollars; null: the price of a model is not known.")


class AgentNameShape(Shape):
    id: UUID
    slug: str
    name: str


class AgentRunShape(Shape):
    """`agent` is null before the run has begun; it is the agent as it was then."""

    run: RunShape
    agent: AgentNameShape | None
    question: str | None
    inputs: Json
    turns: list[TurnShape]
    used: UsedShape
    has_more: bool = Field(description="Whether there are turns behind these: `after` the last one gives them.")


def transcript_json(
    run: Json, begun: Row | None, turns: Sequence[Turn], statuses: dict[str, str], page: tuple[int, int]
) -> Json:
    """`statuses` of the calls' runs, by id; `page`: the turn after which it begins, and how many there are at most."""
    after, limit = page
    behind = [turn for turn in turns if turn.turn > after]
    definition = run["definition"]
    agent = None if begun is None else begun["agent"]
    return {
        "run": run,
        "agent": agent and {"id": begun["agent_id"], "slug": agent["slug"], "name": agent["name"]} if begun else None,
        "question": definition.get("question"),
        "inputs": definition.get("inputs") or {},
        "turns": [_turn(turn, statuses) for turn in behind[:limit]],
        "used": _used(turns),
        "hasMore": len(behind) > limit,
    }


def _used(turns: Sequence[Turn]) -> Json:
    known = all(turn.dollars is not None for turn in turns)
    return {
        "steps": len(turns),
        "calls": sum(1 for turn in turns for call in turn.calls or [] if was_made(call)),
        "inputTokens": sum(turn.input_tokens for turn in turns),
        "outputTokens": sum(turn.output_tokens for turn in turns),
        "dollars": round(sum(turn.dollars or 0.0 for turn in turns), 6) if known else None,
    }


def _turn(turn: Turn, statuses: dict[str, str]) -> Json:
    parts = turn.answer.get("parts") or []
    text = "".join(str(part.get("content") or "") for part in parts if part.get("part_kind") == "text")
    results = turn.results or []
    calls = turn.calls or []
    return {
        "turn": turn.turn,
        "model": turn.model,
        "text": text[:MOST_TEXT],
        "truncated": len(text) > MOST_TEXT,
        "toolCalls": [
            _call(call, results[place] if place < len(results) else None, statuses) for place, call in enumerate(calls)
        ],
        "told": "\n".join(result["text"] for result in results)[:MOST_RESULT] if results and not calls else None,
        "inputTokens": turn.input_tokens,
        "outputTokens": turn.output_tokens,
        "dollars": turn.dollars,
        "createdAt": turn.created_at,
    }


def _call(call: Json, result: Json | None, statuses: dict[str, str]) -> Json:
    run_id, text = call.get("run_id"), None if result is None else result["text"]
    long = len(orjson.dumps(call["arguments"])) > MOST_ARGUMENTS
    return {
        "id": call["id"],
        "tool": call["tool"],
        "arguments": None if long else call["arguments"],
        "runId": run_id,
        "status": statuses.get(run_id) if run_id else status_of(call) if "mcp" in call else None,
        "connection": call["mcp"]["connection"] if "mcp" in call else None,
        "refused": call.get("refused"),
        "result": None if text is None else text[:MOST_RESULT],
        "truncated": long or (text is not None and len(text) > MOST_RESULT),
    }
