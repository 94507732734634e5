"""OpenAI's responses (`POST /v1/responses`)."""

from collections.abc import Iterator
from typing import Any

from vai_testkit.servers.models.chat import error
from vai_testkit.servers.models.script import Asked, Call, Json, Result, Turn, Unfit, check_pairs, text_of

__all__ = ["answer", "asked", "error", "stream"]


def asked(body: Json, headers: dict[str, str]) -> Asked:
    """Raises `Unfit` for what OpenAI refuses."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if not isinstance(items, list):
        raise Unfit("Missing required parameter: 'input'.")
    calls = [Call(one["name"], one["arguments"], one["call_id"]) for one in items if one.get("type") == "function_call"]
    results = [
        Result(one["call_id"], text_of(one["output"])) for one in items if one.get("type") == "function_call_output"
    ]
    check_pairs(calls, results)
    told = [text_of(one["content"]) for one in items if one.get("role") in ("system", "developer")]
    return Asked(
        "responses",
        body,
        headers,
        "\n".join([*([body["instructions"]] if body.get("instructions") else []), *told]),
        tuple(text_of(one["content"]) for one in items if one.get("role") == "user"),
        tuple(calls),
        tuple(results),
        tuple(tool for tool in body.get("tools") or () if tool["type"] == "function"),
    )


def answer(turn: Turn, of: Asked, number: int) -> Json:
    output = ([_message(turn.text, number)] if turn.text else []) + [_call(call) for call in turn.calls]
    return _whole(of, number, "completed") | {"output": output, "usage": _usage(turn)}


def stream(turn: Turn, of: Asked, number: int) -> Iterator[tuple[str | None, Any]]:
    """The events of a streamed answer: (name, data)."""
    events = _events(turn, of, number)
    for place, (name, data) in enumerate(events):
        yield name, {"type": name, "sequence_number": place} | data


def _events(turn: Turn, of: Asked, number: int) -> Iterator[tuple[str, Json]]:
    yield "response.created", {"response": _whole(of, number, "in_progress") | {"output": [], "usage": None}}
    place = 0
    if turn.text:
        item = _message(turn.text, number)
        where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        yield "response.output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}
        yield "response.content_part.added", where | {"part": item["content"][0] | {"text": ""}}
        for piece in turn.pieces:
            yield "response.output_text.delta", where | {"delta": piece, "logprobs": []}
        yield "response.output_text.done", where | {"text": turn.text, "logprobs": []}
        yield "response.content_part.done", where | {"part": item["content"][0]}
        yield "response.output_item.done", {"output_index": 0, "item": item}
        place = 1
    for at, call in enumerate(turn.calls, place):
        item = _call(call)
        where = {"item_id": item["id"], "output_index": at}
        yield "response.output_item.added", {"output_index": at, "item": item | {"arguments": ""}}
        yield "response.function_call_arguments.delta", where | {"delta": call.text}
        yield "response.function_call_arguments.done", where | {"arguments": call.text, "name": call.name}
        yield "response.output_item.done", {"output_index": at, "item": item}
    yield "response.completed", {"response": answer(turn, of, number)}


def _whole(of: Asked, number: int, status: str) -> Json:
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_764_000_000,
        "status": status,
        "model": of.model,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": of.body.get("tools") or [],
        "error": None,
        "incomplete_details": None,
        "instructions": of.body.get("instructions"),
        "metadata": {},
    }


def _message(text: str, number: int) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}


def _call(call: Call) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{call.id}",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.text,
        "status": "completed",
    }


def _usage(turn: Turn) -> Json:
    return {
        "input_tokens": turn.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": turn.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": turn.input_tokens + turn.output_tokens,
    }
