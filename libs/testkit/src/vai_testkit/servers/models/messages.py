"""Anthropic's messages (`POST /v1/messages`)."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from vai_testkit.servers.models.script import Asked, Call, Json, Result, Turn, Unfit, check_pairs, text_of


def asked(body: Json, headers: dict[str, str]) -> Asked:
    """Raises `Unfit` for what Anthropic refuses."""
    messages = body.get("messages")
    if "anthropic-version" not in headers:
        raise Unfit("anthropic-version: header is required")
    if not isinstance(body.get("max_tokens"), int):
        raise Unfit("max_tokens: Field required")
    if not isinstance(messages, list) or not messages:
        raise Unfit("messages: Field required")
    parts = [
        (message["role"], part)
        for message in messages
        for part in ([message["content"]] if isinstance(message["content"], str) else message["content"])
    ]
    blocks = [part for _, part in parts if isinstance(part, dict)]
    calls = [Call(one["name"], one["input"], one["id"]) for one in blocks if one["type"] == "tool_use"]
    results = [
        Result(one["tool_use_id"], text_of(one.get("content"))) for one in blocks if one["type"] == "tool_result"
    ]
    check_pairs(calls, results)
    said = [
        part if isinstance(part, str) else part["text"]
        for role, part in parts
        if role == "user" and (isinstance(part, str) or part["type"] == "text")
    ]
    tools = [
        {"name": tool["name"], "description": tool.get("description", ""), "parameters": tool["input_schema"]}
        for tool in body.get("tools") or ()
    ]
    return Asked(
        "messages", body, headers, text_of(body.get("system")), tuple(said), tuple(calls), tuple(results), tuple(tools)
    )


def answer(turn: Turn, of: Asked, number: int) -> Json:
    content: list[Json] = [{"type": "text", "text": turn.text, "citations": None}] if turn.text else []
    content += [_call(call) for call in turn.calls]
    return _whole(of, number) | {"content": content, "stop_reason": _reason(turn), "usage": _usage(turn)}


def stream(turn: Turn, of: Asked, number: int) -> Iterator[tuple[str | None, Any]]:
    """The events of a streamed answer: (name, data)."""
    for name, data in _events(turn, of, number):
        yield name, {"type": name} | data


def _events(turn: Turn, of: Asked, number: int) -> Iterator[tuple[str, Json]]:
    begun = _whole(of, number) | {"content": [], "usage": _usage(turn) | {"output_tokens": 1}}
    yield "message_start", {"message": begun}
    if turn.text:
        yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
        for piece in turn.pieces:
            yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": piece}}
        yield "content_block_stop", {"index": 0}
    for place, call in enumerate(turn.calls, 1 if turn.text else 0):
        yield "content_block_start", {"index": place, "content_block": _call(call) | {"input": {}}}
        yield "content_block_delta", {"index": place, "delta": {"type": "input_json_delta", "partial_json": call.text}}
        yield "content_block_stop", {"index": place}
    delta = {"stop_reason": _reason(turn), "stop_sequence": None}
    yield "message_delta", {"delta": delta, "usage": {"output_tokens": turn.output_tokens}}
    yield "message_stop", {}


def error(status: int, message: str) -> Json:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "overloaded_error" if status == 529 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def _whole(of: Asked, number: int) -> Json:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": of.model,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _call(call: Call) -> Json:
    found: Any = call.arguments
    if isinstance(found, str):
        with suppress(ValueError):
            found = json.loads(found)
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": found}


def _reason(turn: Turn) -> str:
    return turn.stop or ("tool_use" if turn.calls else "end_turn")


def _usage(turn: Turn) -> Json:
    return {"input_tokens": turn.input_tokens, "output_tokens": turn.output_tokens}
