"""The kind fetch_page: a page of the web as readable text (document 000, "ActionKind Reference"; docs/research.md)."""

import asyncio
from typing import Any

from vai_agent_worker.metrics import page_seconds, pages
from vai_agent_worker.pages.asked import Asked, Reading
from vai_agent_worker.pages.fetching import Fetched, fetch, first_request
from vai_agent_worker.pages.readers import Readers
from vai_agent_worker.pages.robots import Robots
from vai_agent_worker.transport import FAILURES, unanswered
from vai_common.clock import steady_seconds
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.egress.httpx2_guard import READ_TIMEOUT, guarded_client
from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.fetch_page import LONGEST_SECONDS
from vai_records.definitions.fetch_page import FetchPage as Definition
from vai_records.secrets.hiding import Hidden
from vai_worker.owned import Owned

MOST_READING_SECONDS = 10.0
_LEAST_READING_SECONDS = 1.0
_SCRIPT = "The page is only a script: its text is made in a browser, and there is next to none to read here"
_CUT = "The page is longer than its limits: only its beginning was read (max_bytes, max_characters)"


class FetchPage:
    """Fetches the page; another process reads it. `robots` are the rules of the sites so far."""

    name = "fetch_page"
    reads: type[Definition] = Definition

    def __init__(
        self, policy: Policy = PUBLIC, readers: Readers | None = None, read_timeout: float = READ_TIMEOUT
    ) -> None:
        self._policy = policy
        self._readers = readers or Readers()
        self._read_timeout = read_timeout
        self._robots = Robots()

    async def perform(self, run: Owned) -> dict[str, Any]:
        definition = run.definition_as(Definition)
        began = steady_seconds()
        outcome = "failed"
        try:
            fetched = await self._fetched(run, definition)
            left = (definition.timeout_seconds or LONGEST_SECONDS) - (steady_seconds() - began)
            reading = await self._read(run, definition, fetched, left)
            outcome = reading["format"]
        finally:
            pages.labels(outcome=outcome).inc()
            page_seconds.observe(steady_seconds() - began)
        for event, message in reading.pop("warnings", []):
            await run.log(event, message, {"url": fetched.url}, "warning")
        return _result(definition, fetched, reading, steady_seconds() - began)

    async def _fetched(self, run: Owned, definition: Definition) -> Fetched:
        ignores = (await run.organisation()).get("ignore_robots_txt") is True
        trail = [first_request(definition)]
        seconds = definition.timeout_seconds or LONGEST_SECONDS
        try:
            async with (
                asyncio.timeout(seconds),
                guarded_client(self._policy, read_timeout=self._read_timeout) as client,
            ):
                return await fetch(client, run, definition, trail, None if ignores else self._robots)
        except FAILURES as error:
            raise unanswered(error, trail, Hidden(()), seconds=seconds) from error

    async def _read(self, run: Owned, definition: Definition, fetched: Fetched, left: float) -> Reading:
        asked: Asked = {
            "url": fetched.url,
            "media_type": fetched.media_type,
            "charset": fetched.charset,
            "truncated": fetched.truncated,
            "characters": definition.max_characters,
            "links": definition.max_links if definition.include_links else 0,
            "images": definition.max_links if definition.include_images else 0,
            "seconds": min(MOST_READING_SECONDS, max(_LEAST_READING_SECONDS, left / 2)),
        }
        reading = await self._readers.read(run.org_id, fetched.raw, asked)
        if refusal := reading.get("refusal"):
            raise Permanent(ErrorCode.DATA_ERROR, f"{fetched.url} {refusal}.", {"url": fetched.url})
        warnings = reading.setdefault("warnings", [])
        reading["truncated"] = fetched.truncated or reading.get("truncated", False)
        if reading["truncated"]:
            warnings.append(("page_truncated", _CUT))
        if reading.get("needs_script"):
            warnings.append(("page_needs_script", _SCRIPT))
        return reading


def _result(definition: Definition, fetched: Fetched, reading: Reading, seconds: float) -> dict[str, Any]:
    return {
        "url": fetched.url,
        "requested_url": definition.url,
        "status_code": fetched.status,
        "content_type": fetched.media_type,
        "format": reading["format"],
        "charset": reading.get("charset"),
        "title": reading.get("title"),
        "author": reading.get("author"),
        "date": reading.get("date"),
        "language": reading.get("language"),
        "description": reading.get("description"),
        "site_name": reading.get("site_name"),
        "canonical_url": reading.get("canonical_url"),
        "markdown": reading.get("markdown", ""),
        "text": reading.get("text", ""),
        "links": reading.get("links", []),
        "images": reading.get("images", []),
        "page_count": reading.get("page_count"),
        "needs_script": reading.get("needs_script", False),
        "truncated": reading.get("truncated", False),
        "bytes": len(fetched.raw),
        "duration_seconds": round(seconds, 3),
    }
