"""The kind web_search: one search by Tavily (document 000, "ActionKind Reference"; docs/research.md)."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import orjson

from vai_agent_worker.credentials import base_url, credentials_of
from vai_agent_worker.metrics import search_seconds, searches
from vai_agent_worker.request import Outgoing
from vai_agent_worker.response import read
from vai_agent_worker.transport import FAILURES, unanswered
from vai_common.clock import now, steady_seconds
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.egress.httpx2_guard import READ_TIMEOUT, guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.connections.credentials import secret_texts
from vai_records.definitions.web_search import LONGEST_SECONDS
from vai_records.definitions.web_search import WebSearch as Definition
from vai_records.secrets.hiding import Hidden
from vai_worker.children.job import ConnectionSecret
from vai_worker.owned import Owned
from vai_worker.quota import is_quota, quota_wait
from vai_worker.retry_after import moment, seconds_to_wait

MOST_ANSWER_BYTES = 10 << 20
MOST_RAW_CHARACTERS = 100_000
"""How many characters of one page's text are kept. Longer ones are cut, and the result says so."""

_MOST_TEXT = 20_000
_LIMITS = {
    432: "the plan of the Tavily key, or the key's own limit, is used up: raise it at Tavily, or wait for next month",
    433: "the pay-as-you-go limit at Tavily is reached: raise it there",
}


class WebSearch:
    """Asks Tavily, or a server with its protocol at the connection's `base_url`. It is safe to ask again."""

    name = "web_search"
    reads: type[Definition] = Definition

    def __init__(self, policy: Policy = PUBLIC, read_timeout: float = READ_TIMEOUT) -> None:
        self._policy = policy
        self._read_timeout = read_timeout

    async def perform(self, run: Owned) -> dict[str, Any]:
        definition = run.definition_as(Definition)
        connection = await run.connection()
        if connection is None:
            message = "The search has no connection: save one of the provider tavily, with its api_key, and name it."
            raise Permanent(ErrorCode.CONNECTION_ERROR, message, {"field": "connection"})
        hidden = Hidden(secret_texts(connection.credentials))
        began, outcome = steady_seconds(), "failed"
        try:
            found = await self._asked(run, definition, connection, hidden)
            if elsewhere := _take_out_elsewhere(definition, found):
                message = f"{elsewhere} results were of other domains than those that may come, and were left out"
                await run.log("results_left_out", message, {"results": elsewhere}, "warning")
            result: dict[str, Any] = hidden.out_of(_result(definition, found, steady_seconds() - began))
            outcome = "completed"
            return result
        except RunError as error:
            raise hidden.error(error) from error.__cause__
        finally:
            searches.labels(outcome=outcome).inc()
            search_seconds.observe(steady_seconds() - began)

    async def _asked(
        self, run: Owned, definition: Definition, connection: ConnectionSecret, hidden: Hidden
    ) -> dict[str, Any]:
        outgoing = _request(definition, connection)
        seconds = definition.timeout_seconds or LONGEST_SECONDS
        await run.steady()
        try:
            async with (
                asyncio.timeout(seconds),
                guarded_client(self._policy, read_timeout=self._read_timeout) as client,
                client.stream(
                    outgoing.method,
                    outgoing.url,
                    headers={**outgoing.headers, **outgoing.own},
                    content=outgoing.content,
                ) as response,
            ):
                raw, truncated = await read(response, MOST_ANSWER_BYTES)
        except FAILURES as error:
            raise unanswered(error, [outgoing], hidden, seconds=seconds) from error
        if response.status_code != 200:
            raise _refusal(outgoing, response, raw)
        return await asyncio.to_thread(_answer, outgoing, raw, truncated)


def _request(definition: Definition, connection: ConnectionSecret) -> Outgoing:
    base = base_url(connection)
    if base is None:
        message = f"The connection {connection.slug} has no base_url: use one of the provider tavily."
        raise Permanent(ErrorCode.CONNECTION_ERROR, message, {"connection": connection.slug})
    credentials = credentials_of(connection)
    if not credentials:
        message = f"The connection {connection.slug} has no credentials: give it the api_key of Tavily."
        raise Permanent(ErrorCode.AUTH_ERROR, message, {"connection": connection.slug})
    return Outgoing(
        method="POST",
        url=httpx2.URL(f"{str(base).rstrip('/')}/search").copy_merge_params(credentials.query),
        headers={"content-type": "application/json", "accept": "application/json", "accept-encoding": "gzip, deflate",
                 "user-agent": "vai"},
        own=credentials.headers,
        content=orjson.dumps(_body(definition)),
    )  # fmt: skip


def _body(definition: Definition) -> dict[str, Any]:
    """The request in Tavily's form. Values that were not given are left out, so that Tavily's defaults count."""
    body: dict[str, Any] = {
        "query": definition.query,
        "search_depth": definition.search_depth,
        "topic": definition.topic,
        "max_results": definition.max_results,
        "include_answer": definition.include_answer,
        "include_raw_content": "markdown" if definition.include_raw_content else False,
    }
    if definition.include_domains:
        body["include_domains"] = definition.include_domains
    if definition.exclude_domains:
        body["exclude_domains"] = definition.exclude_domains
    if definition.days is not None:
        body["start_date"] = (now() - timedelta(days=definition.days)).date().isoformat()
    return body


def _answer(outgoing: Outgoing, raw: bytes, truncated: bool) -> dict[str, Any]:
    try:
        found = None if truncated else orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("results"), list):
        what = f"more than {MOST_ANSWER_BYTES:,} bytes" if truncated else "no list of results"
        message = f"{outgoing.shown_url()} answered {what}: is that Tavily? Check the connection's base_url."
        raise Permanent(ErrorCode.DATA_ERROR, message, {"url": outgoing.shown_url()})
    return found


def _take_out_elsewhere(definition: Definition, found: dict[str, Any]) -> int:
    """Takes out results of domains that may not come, which Tavily sends now and then; answers how many."""
    kept = [
        one for one in found["results"] if not isinstance(one, dict) or _may_come(definition, _text(one.get("url")))
    ]
    left_out = len(found["results"]) - len(kept)
    found["results"] = kept
    return left_out


def _may_come(definition: Definition, url: str | None) -> bool:
    if not (definition.include_domains or definition.exclude_domains):
        return True
    try:
        host = httpx2.URL(url or "").raw_host.decode("ascii").lower()
    except httpx2.InvalidURL:
        host = ""
    if definition.include_domains and not any(_is_of(host, domain) for domain in definition.include_domains):
        return False
    return not any(_is_of(host, domain) for domain in definition.exclude_domains)


def _is_of(host: str, domain: str) -> bool:
    bare = domain.removeprefix("www.")
    return host == bare or host.endswith(f".{bare}")


def _refusal(outgoing: Outgoing, response: httpx2.Response, raw: bytes) -> RunError:
    """The error that a status means (decision 25)."""
    status, said = response.status_code, _said(raw)
    where = f"{outgoing.shown_url()} answered {status}"
    details = {"statusCode": status, "url": outgoing.shown_url(), "error": said}
    told = f" ({said})" if said else ""
    at = moment(response.headers.get("date")) or now()
    if status in _LIMITS:
        return Permanent(ErrorCode.RATE_LIMITED, f"{where}: {_LIMITS[status]}{told}.", details)
    if is_quota(status, response.headers):
        wait = quota_wait(response.headers, at)
        return Retryable(ErrorCode.RATE_LIMITED, f"{where}: too many searches{told}.", details, wait)
    if status in (401, 403):
        message = f"{where}: the key is missing, wrong or may not search{told}. Correct the connection's api_key."
        return Permanent(ErrorCode.AUTH_ERROR, message, details)
    if status >= 500:
        wait = seconds_to_wait(response.headers.get("retry-after"), at)
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{where}: the server failed{told}.", details, wait)
    if status in (400, 422):
        return Permanent(ErrorCode.DATA_ERROR, f"{where}: it does not take this search{told}. Correct it.", details)
    message = f"{where}{told}: is that Tavily? Check the connection's base_url."
    return Permanent(ErrorCode.CONNECTION_ERROR, message, details)


def _said(raw: bytes) -> str:
    """Tavily's own words: `{"detail": {"error": …}}`."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ""
    detail = found.get("detail") if isinstance(found, dict) else None
    words = detail.get("error") if isinstance(detail, dict) else detail
    return words[:500].replace("\0", "") if isinstance(words, str) else ""


def _result(definition: Definition, found: dict[str, Any], seconds: float) -> dict[str, Any]:
    results = [_hit(definition, one) for one in found["results"] if isinstance(one, dict) and _text(one.get("url"))]
    return {
        "query": definition.query,
        "answer": _text(found.get("answer")) if definition.include_answer else None,
        "results": results[: definition.max_results],
        "result_count": len(results[: definition.max_results]),
        "request_id": _text(found.get("request_id")),
        "duration_seconds": round(seconds, 3),
    }


def _hit(definition: Definition, one: dict[str, Any]) -> dict[str, Any]:
    score = one.get("score")
    hit: dict[str, Any] = {
        "title": _text(one.get("title")),
        "url": _text(one.get("url")),
        "snippet": _text(one.get("content")) or "",
        "score": score if isinstance(score, int | float) and not isinstance(score, bool) else None,
        "published_date": _text(one.get("published_date")),
    }
    if definition.include_raw_content:
        raw = _text(one.get("raw_content"), MOST_RAW_CHARACTERS)
        hit["raw_content"] = raw
        hit["raw_content_truncated"] = isinstance(one.get("raw_content"), str) and len(one["raw_content"]) > len(
            raw or ""
        )
    return hit


def _text(value: Any, most: int = _MOST_TEXT) -> str | None:
    return value.replace("\0", "")[:most] if isinstance(value, str) else None
