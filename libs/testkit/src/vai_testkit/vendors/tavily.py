"""A server that speaks Tavily's protocol: POST /search and GET /usage, with its errors.

The key says how it behaves: `KEYS` has one for each error. What it finds is made up from the query, and odd in the ways
that real results are: a score of 0, no raw content, a date on news alone, characters beyond ASCII.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from vai_testkit.servers.web import Reply, Seen, WebServer

GOOD: Final = "tvly-dev-good-0123456789"
KEYS: Final = {
    "tvly-dev-forbidden-0123456789": (403, "This key may not search.", {}),
    "tvly-dev-busy-0123456789": (429, "Your request has been blocked due to excessive requests.", {"Retry-After": "2"}),
    "tvly-dev-plan-0123456789": (432, "This request exceeds your plan's set usage limit.", {}),
    "tvly-dev-paygo-0123456789": (433, "This request exceeds the pay-as-you-go limit.", {}),
    "tvly-dev-broken-0123456789": (500, "Internal Server Error", {}),
}
"""Key → status, words, headers."""

_DEPTHS = ("basic", "advanced", "fast", "ultra-fast")
_TOPICS = ("general", "news", "finance")
_ANSWER = "It stands since 1221."


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, raw, {"Content-Type": "application/json", **(headers or {})})


def _error(status: int, words: str, headers: dict[str, str] | None = None) -> Reply:
    return _json({"detail": {"error": words}}, status, headers)


def _unkeyed(seen: Seen) -> Reply | None:
    key = seen.headers.get("authorization", "").removeprefix("Bearer ")
    if key in KEYS:
        return _error(*KEYS[key])
    return None if key == GOOD else _error(401, "Unauthorized: missing or invalid API key.")


def _wrong(asked: dict[str, Any]) -> str | None:
    if not isinstance(asked.get("query"), str) or not asked["query"].strip():
        return "Query is missing."
    if len(asked["query"]) > 400:
        return "Query is too long. Max query length is 400 characters."
    if asked.get("search_depth", "basic") not in _DEPTHS:
        return "Invalid search depth. Must be 'basic' or 'advanced'."
    if asked.get("topic", "general") not in _TOPICS:
        return "Invalid topic. Must be 'general' or 'news'."
    most = asked.get("max_results", 5)
    if not isinstance(most, int) or not 0 <= most <= 20:
        return "Invalid max results. Must be between 0 and 20."
    if len(asked.get("include_domains") or ()) > 300 or len(asked.get("exclude_domains") or ()) > 150:
        return "Too many domains."
    return None


def _search(seen: Seen) -> Reply:
    if refusal := _unkeyed(seen):
        return refusal
    try:
        asked = json.loads(seen.body)
    except ValueError:
        return _error(400, "Invalid JSON.")
    if words := _wrong(asked):
        return _error(400, words)
    results = [each for number in range(30) if (each := _hit(asked, number)) is not None]
    answer = _ANSWER if asked.get("include_answer") else None
    return _json({
        "query": asked["query"],
        "follow_up_questions": None,
        "answer": answer,
        "images": [],
        "results": results[: asked.get("max_results", 5)],
        "response_time": 0.42,
        "request_id": "0f6a3c5e-0000-4000-8000-000000000001",
    })  # fmt: skip


def _hit(asked: dict[str, Any], number: int) -> dict[str, Any] | None:
    domains = asked.get("include_domains") or ["example.com", "example.org", "bricks.example.net"]
    domain = domains[number % len(domains)]
    if domain in (asked.get("exclude_domains") or ()):
        return None
    hit: dict[str, Any] = {
        "title": f"{asked['query']} – part {number}",
        "url": f"https://{domain}/{number}?q=1",
        "content": f"What {domain} says of “{asked['query']}”, number {number}.",
        "score": max(0, round(0.98 - number / 10, 4)),
        "raw_content": None,
    }
    if asked.get("include_raw_content") and number != 1:
        hit["raw_content"] = f"# Part {number}\n\n" + "Turquoise bricks. " * (10_000 if number == 2 else 10)
    if asked.get("topic") == "news":
        hit["published_date"] = "Sat, 28 Nov 2026 08:00:00 GMT"
    return hit


def _usage(seen: Seen) -> Reply:
    return _unkeyed(seen) or _json({
        "key": {"usage": 150, "limit": 1000, "search_usage": 120},
        "account": {"current_plan": "Researcher", "plan_usage": 500, "plan_limit": 1000},
    })  # fmt: skip


@asynccontextmanager
async def tavily() -> AsyncIterator[WebServer]:
    """A server with this protocol until the block is left."""
    async with WebServer.opened() as web:
        web.replies["/search"] = lambda seen: _search(seen) if seen.method == "POST" else Reply(405)
        web.replies["/usage"] = _usage
        yield web
