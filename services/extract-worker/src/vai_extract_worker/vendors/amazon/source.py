"""The source `amazon_sp_api`: which of its tables are reports, settlements or orders, and how each is read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, cast

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.paged_source import READ_SECONDS, PagedSource, Rows, Slice
from vai_extract_worker.progress import Json
from vai_extract_worker.rest.credentials import HostBound
from vai_extract_worker.source import Means
from vai_extract_worker.vendors.amazon import flat_files
from vai_extract_worker.vendors.amazon.documents import Documents
from vai_extract_worker.vendors.amazon.orders import Orders
from vai_extract_worker.vendors.amazon.quotas import Calls, is_ended, listed
from vai_extract_worker.vendors.amazon.reports import Pace, Reports, Wanted, iso, since
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.source_types import ResourceType
from vai_records.definitions.sources.amazon_places import TEST_PATH, marketplace_id
from vai_records.definitions.sources.amazon_sp_api import AmazonSpApi

WINDOWED: Final = {
    "all_orders": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
    "fba_returns": "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA",
}
SNAPSHOTS: Final = {
    "fba_inventory": "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA",
    "merchant_listings": "GET_MERCHANT_LISTINGS_ALL_DATA",
}
"""Snapshots of the present state: one report for each marketplace, since Amazon only uses the first one of a request.
"""

SETTLEMENTS: Final = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"

HISTORY_DAYS: Final = {"all_orders": 729, "fba_returns": 545, "order_items": 729, "orders": 729, "settlements": 89}
"""How far back Amazon has data. A first extraction without start_date begins there."""

Pages = Iterator[Rows | tuple[Rows, Json]]


class AmazonSource(PagedSource):
    """Requests to the API go through `Calls`, which know Amazon's quotas and errors."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        super().__init__(definition, means)
        _look_at_the_connection(means, self.base_url)
        self._asked_for = asked = cast(AmazonSpApi, definition)
        cast(HostBound, self.session.auth).refuses = is_ended
        self.type = replace(self.type, resources=tuple(_with_history(one) for one in self.type.resources))
        link = means.link
        self._calls = Calls(self.session, self.base_url, link, means.hidden, READ_SECONDS)
        self._documents = Documents(self._calls, means.policy, link)
        pace = Pace(asked.report_interval_seconds, asked.report_poll_seconds, asked.report_wait_seconds)
        self._reports = Reports(self._calls, self._documents, link, pace)
        self._orders = Orders(self._calls, asked.orders_version)
        self._known: tuple[str, ...] = ()

    def turn_of(self, of: ResourceType) -> None:
        """Does nothing here: each operation of Amazon's has its own quota."""

    def pages(self, part: Slice) -> Pages:
        if part.name in SNAPSHOTS:
            return self._snapshot(part)
        if part.name == "settlements":
            return self._settlements(part)
        if part.name in WINDOWED:
            return self._window(part)
        return self._orders.pages(part, self.marketplaces)

    @property
    def marketplaces(self) -> tuple[str, ...]:
        """The ids of the marketplaces: from the definition, else from the connection, else all in which the seller
        sells.
        """
        if not self._known:
            given = self._asked_for.marketplaces or self.config.get("marketplaces")
            ids = [marketplace_id(one) for one in given] if given else self._participations()
            self._known = tuple(dict.fromkeys(ids))
        return self._known

    def _participations(self) -> list[str]:
        said = self._calls.get("getMarketplaceParticipations", TEST_PATH, {})
        found = [
            one["marketplace"]["id"]
            for one in listed(said, ("payload",), "getMarketplaceParticipations")
            if one.get("participation", {}).get("isParticipating") and _is_known(one["marketplace"]["id"])
        ]
        if not found:
            text = "The seller sells in no marketplace of this region: check the connection's region."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "marketplaces"})
        return found

    # Reports --------------------------------------------------------------------------------------------------------

    def _snapshot(self, part: Slice) -> Pages:
        position = part.position or {"marketplace": 0}
        for number, marketplace in enumerate(self.marketplaces):
            if number < position["marketplace"]:
                continue
            begun = position if number == position["marketplace"] else {}
            wanted = Wanted(SNAPSHOTS[part.name], (marketplace,))
            document = begun.get("document") or self._reports.document(wanted)
            for rows, count in self._rows(document, begun.get("rows", 0), (marketplace,)):
                known = [{"marketplace_id": marketplace, **row} for row in rows]
                yield known, {"marketplace": number, "document": document, "rows": count}

    def _window(self, part: Slice) -> Pages:
        begun = part.position or {}
        end = part.end or part.until or now()
        if part.start is not None and part.start >= end:
            return
        wanted = Wanted(WINDOWED[part.name], self.marketplaces, part.start, end)
        document = begun.get("document") or self._reports.document(wanted)
        for rows, count in self._rows(document, begun.get("rows", 0), self.marketplaces):
            yield rows, {"document": document, "rows": count}

    def _settlements(self, part: Slice) -> Pages:
        """Settlement reports, which Amazon makes by itself: those that were made in the slice, the oldest first."""
        asked: Json = {"reportTypes": SETTLEMENTS, "processingStatuses": "DONE", "createdSince": iso(since(part.start))}
        if part.end is not None:
            asked["createdUntil"] = iso(part.end)
        made = sorted(self._reports.listed(asked), key=lambda report: (report["createdTime"], report["reportId"]))
        begun = part.position or {}
        for report in made:
            place = (report["createdTime"], report["reportId"])
            if begun and place < (begun["created"], begun["report"]):
                continue
            document, first = report.get("reportDocumentId"), 0
            if begun and place == (begun["created"], begun["report"]):
                first = begun["rows"]
            for rows, count in self._rows(document, first, report.get("marketplaceIds") or ()):
                told = {"report_id": report["reportId"], "report_created_time": report["createdTime"]}
                lines = range(count - len(rows) + 1, count + 1)
                known = [{**told, "line": line, **row} for line, row in zip(lines, rows, strict=True)]
                yield known, {"created": place[0], "report": place[1], "rows": count}

    def _rows(self, document: str | None, begin: int, marketplaces: Sequence[str]) -> Iterator[tuple[Rows, int]]:
        """The rows of a document, each list with the number of rows up to its end. No rows if the document is None."""
        if document is None:
            return
        with self._documents.opened(document) as found:
            self.session.received += found.size
            self.session.sent_beside = self._documents.sent
            encoding = flat_files.encoding_of(found.file, found.charset, marketplaces)
            yield from flat_files.pages(found.file, encoding, begin, f"the document {document}", self._tell_cut)

    def _tell_cut(self, text: str) -> None:
        self.means.link.log("lines_cut", text, None, "warning")


def _look_at_the_connection(means: Means, base_url: str) -> None:
    """Raises `Permanent` if there is no connection, or if it has no credentials for Amazon."""
    connection = means.job.connection
    if connection is None:
        text = "Amazon needs a connection: make one of the provider amazon_sp_api, and name it in the definition."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"field": "connection"})
    if not base_url or connection.renew_at is None:
        text = f"The connection {connection.slug} lacks what a connection to Amazon has: make one of the provider "
        text += "amazon_sp_api, with client_id, client_secret and refresh_token."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug})


def _with_history(of: ResourceType) -> ResourceType:
    """A table's first slice begins where Amazon's data begins."""
    if of.slicing is None or of.name not in HISTORY_DAYS:
        return of
    earliest = (now() - timedelta(days=HISTORY_DAYS[of.name])).date()
    return replace(of, slicing=replace(of.slicing, earliest=earliest))


def _is_known(word: str) -> bool:
    try:
        return bool(marketplace_id(word))
    except ValueError:
        return False  # Amazon lists shops that no API serves, such as "Non-Amazon US"
