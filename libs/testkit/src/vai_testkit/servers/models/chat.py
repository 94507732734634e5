"""OpenAI's chat completions (`POST /v1/chat/completions`)."""

from collections.abc import Iterator
from typing import Any

from vai_testkit.servers.models.script import Asked, Call, Json, Result, Turn, Unfit, check_pairs, text_of


def asked(body: Json, headers: dict[str, str]) -> Asked:
    """Raises `Unfit` for what OpenAI refuses."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unfit("Missing required parameter: 'messages'.")
    calls: list[Call] = []
    results: list[Result] = []
    for message in messages:
        asked_for = message.get("tool_calls") or ()
        calls += (Call(one["function"]["name"], one["function"]["arguments"], one["id"]) for one in asked_for)
        if message["role"] == "tool":
            results.append(Result(message["tool_call_id"], text_of(message["content"])))
    check_pairs(calls, results)
    system = [text_of(one["content"]) for one in messages if one["role"] in ("system", "developer")]
    return Asked(
        "chat",
        body,
        headers,
        "\n".join(system),
        tuple(text_of(one["content"]) for one in messages if one["role"] == "user"),
        tuple(calls),
        tuple(results),
        tuple(tool["function"] for tool in body.get("tools") or ()),
    )


def answer(turn: Turn, of: Asked, number: int) -> Json:
    message: Json = {"role": "assistant", "content": turn.text or None, "refusal": None}
    if turn.calls:
        message["tool_calls"] = [_call(call) for call in turn.calls]
    return _whole(of, number, "chat.completion") | {
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(turn), "logprobs": None}],
        "usage": _usage(turn),
    }


def stream(turn: Turn, of: Asked, number: int) -> Iterator[tuple[str | None, Any]]:
    """The events of a streamed answer: (name, data)."""
    whole = _whole(of, number, "chat.completion.chunk")

    def chunk(delta: Json, reason: str | None = None) -> tuple[None, Json]:
        return None, whole | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in turn.pieces:
        yield chunk({"content": piece})
    for place, call in enumerate(turn.calls):
        yield chunk({"tool_calls": [{"index": place} | _call(call, "")]})
        yield chunk({"tool_calls": [{"index": place, "function": {"arguments": call.text}}]})
    yield chunk({}, _reason(turn))
    if (of.body.get("stream_options") or {}).get("include_usage"):
        yield None, whole | {"choices": [], "usage": _usage(turn)}
    yield None, "[DONE]"


def error(status: int, message: str) -> Json:
    kinds = {401: "invalid_request_error", 429: "rate_limit_error", 400: "invalid_request_error"}
    codes = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
    found = {"message": message, "type": kinds.get(status, "server_error"), "param": None, "code": codes.get(status)}
    return {"error": found}


def _whole(of: Asked, number: int, what: str) -> Json:
    return {"id": f"chatcmpl-{number}", "object": what, "created": 1_764_000_000, "model": of.model}


def _call(call: Call, arguments: str | None = None) -> Json:
    told = call.text if arguments is None else arguments
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": told}}


def _reason(turn: Turn) -> str:
    return turn.stop or ("tool_calls" if turn.calls else "stop")


def _usage(turn: Turn) -> Json:
    both = turn.input_tokens + turn.output_tokens
    return {"prompt_tokens": turn.input_tokens, "completion_tokens": turn.output_tokens, "total_tokens": both}
