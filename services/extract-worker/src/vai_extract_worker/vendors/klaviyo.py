"""Klaviyo's JSON:API: cursors in links, filters by time, campaigns by channel."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_extract_worker.paged_source import PagedSource, Rows, Slice
from vai_extract_worker.progress import Json
from vai_extract_worker.source import PositionLost
from vai_records.definitions.source_types import ResourceType
from vai_records.definitions.sources.klaviyo import Klaviyo

WITHOUT_CHANNELS: Final = "2026-10-15"
"""From this revision on, campaigns of all channels are in one list."""

_ARCHIVED: Final = ("equals(archived,false)", "equals(archived,true)")
_CURSOR: Final = "page[cursor]"

_PAGE_SIZES: Final = {"profiles": ("", 100), "forms": ("", 100), "events": ("2026-04-15", 1000)}
"""The largest page size, and the revision from which on it can be requested. Other endpoints give their largest pages
by default.
"""

_DETAIL = re.compile(r'"detail": ?"((?:[^"\\]|\\.){1,300})"')


class KlaviyoSource(PagedSource):
    """A page is one request. Its position is {query, cursor}: which of a table's lists, and Klaviyo's own cursor."""

    definition: Klaviyo

    def headers(self) -> dict[str, str]:
        return {"revision": self.definition.revision}

    def turn_of(self, of: ResourceType) -> None:
        slow = of.name == "profiles" and "predictive_analytics" in self.definition.profile_fields
        super().turn_of(replace(of, bucket="predictive_analytics", seconds_between_requests=0.4) if slow else of)

    def pages(self, part: Slice) -> Iterator[Rows | tuple[Rows, Json]]:
        queries = self._queries(part)
        at = part.position or {"query": 0, "cursor": None}
        for number in range(at["query"], len(queries)):
            cursor = at["cursor"] if number == at["query"] else None
            while True:
                answer = self._answer(part, queries[number], cursor)
                rows, cursor = [_row(one) for one in answer["data"]], _next(answer)
                yield rows, {"query": number if cursor else number + 1, "cursor": cursor}
                if cursor is None:
                    break

    def _queries(self, part: Slice) -> list[dict[str, str]]:
        """The parameters of each list from which a table is made."""
        since, size = _PAGE_SIZES.get(part.name, ("", 0))
        common = {"page[size]": str(size)} if size and self.definition.revision >= since else {}
        if part.of.cursor:
            common["sort"] = part.of.cursor
        if part.name == "profiles" and self.definition.profile_fields:
            common["additional-fields[profile]"] = ",".join(self.definition.profile_fields)
        times, filters = _filters(part), [""]
        if part.name in ("campaigns", "flows"):
            filters = list(_ARCHIVED)
        if part.name == "campaigns" and self.definition.revision < WITHOUT_CHANNELS:
            channels = [f"equals(messages.channel,'{channel}')" for channel in self.definition.channels]
            filters = [f"{channel},{archived}" for channel in channels for archived in filters]
        whole = [",".join(filter(None, (one, *times))) for one in filters]
        return [common | ({"filter": one} if one else {}) for one in whole]

    def _answer(self, part: Slice, query: dict[str, str], cursor: str | None) -> Json:
        url = f"{self.base_url}/api/{part.name.replace('_', '-')}"
        try:
            answer = self.session.get(url, params=query | ({_CURSOR: cursor} if cursor else {})).json()
        except RunError as error:
            said = _DETAIL.search(str(error.details.get("body", "")))
            if said and part.position and "cursor" in said[1].lower():
                raise PositionLost(f"Klaviyo does not know its cursor any more: {said[1]}", error.details) from error
            if said:
                error.message = f"{error.message} Klaviyo says: {said[1]}"
            raise
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            text = f"{url} answered something else than a list of JSON:API; check the connection's base_url."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"url": url})
        return cast(Json, answer)


def _filters(part: Slice) -> list[str]:
    """The filter by time. Profiles have no "or equal", so a second earlier is requested, and its rows are skipped."""
    field, found = part.of.cursor, []
    if field and part.start:
        after = f"greater-than({field},{_written(part.start - timedelta(seconds=1))})"
        found.append(after if part.name == "profiles" else f"greater-or-equal({field},{_written(part.start)})")
    if field and part.end:
        end = part.end + timedelta(seconds=1) if part.end.microsecond else part.end
        found.append(f"less-than({field},{_written(end)})")
    return found


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(given: Any) -> Json:
    """An object of JSON:API as a row: its attributes, its id, and the ids of related objects."""
    row: Json = {"id": None} | (given.get("attributes") or {}) | {"id": given["id"]}
    for name, related in (given.get("relationships") or {}).items():
        found = related.get("data") if isinstance(related, dict) else None
        if isinstance(found, dict):
            row.setdefault(f"{name.replace('-', '_')}_id", found.get("id"))
        elif isinstance(found, list) and found:
            row.setdefault(f"{name.replace('-', '_')}_ids", [one.get("id") for one in found])
    return row


def _next(answer: Json) -> str | None:
    link = (answer.get("links") or {}).get("next")
    if not link:
        return None
    found = parse_qs(urlsplit(link).query).get(_CURSOR)
    if not found:
        raise Permanent(
            ErrorCode.DATA_ERROR, f"Klaviyo's link to the next page has no {_CURSOR}.", {"link": link[:300]}
        )
    return str(found[0])
