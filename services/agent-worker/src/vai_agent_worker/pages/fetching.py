"""Fetches a page: follows redirects, reaches permitted addresses only, and keeps the limits (rules 24 and 25)."""

from dataclasses import dataclass

import httpx2

from vai_agent_worker.pages.robots import AGENT, Robots
from vai_agent_worker.request import Outgoing
from vai_agent_worker.response import read
from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.agents.tools import NotAllowed, check_host
from vai_records.definitions.agent_fetch_page import AgentFetchPage
from vai_records.definitions.fetch_page import FetchPage
from vai_worker.owned import Owned
from vai_worker.quota import is_quota, quota_wait
from vai_worker.retry_after import moment, seconds_to_wait

_HEADERS = {
    "accept": "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.8,application/json;q=0.8,*/*;q=0.5",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"Mozilla/5.0 (compatible; {AGENT})",
}


@dataclass(frozen=True)
class Fetched:
    """A page as it came. `url` is its address after all redirects."""

    url: str
    status: int
    media_type: str
    charset: str | None
    raw: bytes
    truncated: bool


def first_request(definition: FetchPage) -> Outgoing:
    """The request for the page. Raises DATA_ERROR for an address that cannot be used."""
    try:
        return Outgoing("GET", httpx2.URL(definition.url.partition("#")[0]), dict(_HEADERS))
    except httpx2.InvalidURL as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"The url cannot be used: {error}.", {"field": "url"}) from None


async def fetch(
    client: httpx2.AsyncClient, run: Owned, definition: FetchPage, trail: list[Outgoing], robots: Robots | None
) -> Fetched:
    """The page, after redirects. `trail` ends with the present request. `robots` None: robots.txt is not asked."""
    for _ in range(definition.max_redirects + 1):
        if isinstance(definition, AgentFetchPage):
            _check_domain(definition, trail[-1])
        await run.steady()
        if robots is not None:
            await robots.check(client, trail[-1])
        onward = await _exchange(client, definition, trail[-1])
        if isinstance(onward, Fetched):
            return onward
        trail.append(onward)
    raise Permanent(
        ErrorCode.CONNECTION_ERROR,
        f"More than {definition.max_redirects} redirects, the last one to {trail[-1].shown_url()}: use the final "
        "address, or raise max_redirects.",
        {"max_redirects": definition.max_redirects, "url": trail[-1].shown_url()},
    )


def _check_domain(definition: AgentFetchPage, outgoing: Outgoing) -> None:
    try:
        check_host(outgoing.url.raw_host.decode("ascii", "replace"), definition.allowed_domains)
    except NotAllowed as error:
        raise Permanent(
            ErrorCode.DATA_ERROR, f"The page leads elsewhere: {error}.", {"url": outgoing.shown_url()}
        ) from None


async def _exchange(client: httpx2.AsyncClient, definition: FetchPage, outgoing: Outgoing) -> Fetched | Outgoing:
    response = await client.send(outgoing.build(client), stream=True, follow_redirects=False)
    try:
        if (onward := outgoing.after(response)) is not None:
            return onward
        if not 200 <= response.status_code < 300:
            raise _refused(outgoing, response)
        raw, truncated = await read(response, definition.max_bytes)
    finally:
        await response.aclose()
    media_type = response.headers.get("content-type", "")[:200]
    return Fetched(outgoing.shown_url(), response.status_code, media_type, response.charset_encoding, raw, truncated)


def _refused(outgoing: Outgoing, response: httpx2.Response) -> RunError:
    """The error that a status means (decision 25)."""
    status, url = response.status_code, outgoing.shown_url()
    where, details = f"{url} answered {status}", {"statusCode": status, "url": url}
    at = moment(response.headers.get("date")) or now()
    if is_quota(status, response.headers):
        wait = quota_wait(response.headers, at)
        return Retryable(ErrorCode.RATE_LIMITED, f"{where}: too many requests.", details, wait)
    if status in (401, 402, 403, 407, 451):
        message = f"{where}: the site does not give this page to a program without credentials. Use http_request with "
        return Permanent(ErrorCode.AUTH_ERROR, f"{message}a connection, or another page.", details)
    if status >= 500:
        wait = seconds_to_wait(response.headers.get("retry-after"), at)
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{where}: the server failed.", details, wait)
    if status in (404, 410):
        return Permanent(ErrorCode.CONNECTION_ERROR, f"{where}: nothing is there. Check the url.", details)
    return Permanent(ErrorCode.CONNECTION_ERROR, f"{where}: that is no page. Check the url.", details)
