"""The Reports API (2021-06-30) of the server for Amazon: reports in all their states, documents whose links expire."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_testkit.vendors.amazon_data import Shop
from vai_testkit.vendors.server_time import ServerTime

Json = dict[str, Any]

ORDERS: Final = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
LISTINGS: Final = "GET_MERCHANT_LISTINGS_ALL_DATA"
INVENTORY: Final = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA"
RETURNS: Final = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
SETTLEMENT: Final = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"

_TOO_OFTEN = timedelta(minutes=30)
_QUEUED_SECONDS = 10.0
_WORKED_SECONDS = 30.0
_LINK_SECONDS = 300.0
_KEPT = timedelta(days=90)
_OVER = ("DONE", "CANCELLED", "FATAL")


class Refused(Exception):
    """A request that the API does not take."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class Outcome:
    """How the next report of a type ends: DONE, CANCELLED, FATAL (with the document's text, or None), or NEVER."""

    status: str = "DONE"
    document: str | None = None


@dataclass
class _Report:
    id: str
    type: str
    marketplaces: list[str]
    start: datetime | None
    end: datetime | None
    created: datetime
    outcome: Outcome
    document: str | None = None

    def what(self) -> tuple[Any, ...]:
        return (self.type, tuple(sorted(self.marketplaces)), self.start, self.end)


@dataclass
class Reports:
    """`next` has the outcomes of the reports that come next, by type; `largest` the days that a type's window may have.

    `encodings` are those of a type's files, Windows-1252 where it says nothing; `tells_charset` whether the download's
    header names it. `packed`: documents are compressed. `link_seconds` are those for which a link is good.
    """

    api: FakeApi
    time: ServerTime
    shop: Shop
    next: dict[str, list[Outcome]] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)
    tells_charset: bool = False
    packed: bool = True
    link_seconds: float = _LINK_SECONDS
    downloads: int = 0
    expired: int = 0
    cut: set[int] = field(default_factory=set)
    """Numbers of downloads (from 1) of which only half comes."""

    def __post_init__(self) -> None:
        self._all: dict[str, _Report] = {}
        self._documents: dict[str, bytes] = {}
        self._pages: dict[str, tuple[list[_Report], int, int]] = {}
        self._links: dict[str, datetime] = {}

    def settle(self, days_ago: float, rows: list[Json]) -> str:
        """A settlement, which Amazon makes by itself. Answers its report's id."""
        moment = self.time.now() - timedelta(days=days_ago)
        report = _Report(
            self._id(), SETTLEMENT, ["ATVPDKIKX0DER"], moment - timedelta(days=14), moment, moment, Outcome()
        )
        self._all[report.id] = report
        report.document = self._kept(_tsv(rows).encode("utf-8"))
        return report.id

    def create(self, asked: Json) -> Json:
        kind = asked.get("reportType", "")
        marketplaces = asked.get("marketplaceIds") or []
        if kind == SETTLEMENT:
            raise Refused("InvalidInput", f"Report type {kind} cannot be requested; it is scheduled by Amazon.")
        if kind not in (ORDERS, LISTINGS, INVENTORY, RETURNS):
            raise Refused("InvalidInput", f"Invalid report type: {kind}")
        if not marketplaces:
            raise Refused("InvalidInput", "marketplaceIds is required")
        moments = [datetime.fromisoformat(asked[name]) if asked.get(name) else None for name in _WINDOW]
        outcomes = self.next.get(kind) or [Outcome()]
        outcome = outcomes.pop(0)
        report = _Report(self._id(), kind, marketplaces, moments[0], moments[1], self.time.now(), outcome)
        if outcome.status == "DONE":
            report.outcome = self._by_itself(report)
        self._all[report.id] = report
        return {"reportId": report.id}

    def listed(self, asked: dict[str, list[str]]) -> Json:
        def words(name: str) -> list[str]:
            return [word for value in asked.get(name, []) for word in value.split(",") if word]

        token = asked.get("nextToken", [None])[-1]
        if token is not None:
            if len(asked) > 1:
                raise Refused("InvalidInput", "nextToken cannot be used with other parameters")
            return self._page(*self._pages[token])
        if not words("reportTypes"):
            raise Refused("InvalidInput", "reportTypes is required")
        size = int(asked.get("pageSize", ["10"])[-1])
        since = asked.get("createdSince", [None])[-1]
        oldest = self.time.now() - _KEPT
        if since is not None and datetime.fromisoformat(since) < oldest:
            raise Refused("InvalidInput", "createdSince must be within the last 90 days")
        until = asked.get("createdUntil", [None])[-1]
        found = [
            report
            for report in self._all.values()
            if report.type in words("reportTypes")
            and report.created >= (datetime.fromisoformat(since) if since else oldest)
            and (until is None or report.created <= datetime.fromisoformat(until))
            and (not words("processingStatuses") or self._status(report) in words("processingStatuses"))
            and (not words("marketplaceIds") or set(words("marketplaceIds")) & set(report.marketplaces))
        ]
        return self._page(sorted(found, key=lambda report: report.created, reverse=True), 0, size)

    def one(self, report_id: str) -> Json:
        if report_id not in self._all:
            raise Refused("NotFound", f"Report {report_id} was not found", 404)
        return self._shown(self._all[report_id])

    def document(self, document_id: str) -> Json:
        if document_id not in self._documents:
            raise Refused("NotFound", f"Report document {document_id} was not found", 404)
        link = f"/documents/{document_id}?X-Amz-Expires=300&X-Amz-Signature=of{len(self._links)}"
        self._links[link] = self.time.now() + timedelta(seconds=self.link_seconds)
        said = {"reportDocumentId": document_id, "url": self.api.url + link}
        return said | ({"compressionAlgorithm": "GZIP"} if self._is_packed(document_id) else {})

    def download(self, ask: Ask) -> Say:
        """As S3 answers: XML where the link has ended."""
        self.downloads += 1
        if "x-amz-access-token" in ask.headers:
            return Say(raw=b"<Error><Code>InvalidRequest</Code></Error>", status=400)
        if ask.target not in self._links or self._links[ask.target] <= self.time.now():
            self.expired += 1
            text = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return Say(raw=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), status=403)
        body = self._documents[ask.path.rpartition("/")[2]]
        said = Say(
            raw=body, headers={"Content-Type": "text/plain;charset=Cp1252" if self.tells_charset else "text/plain"}
        )
        if self.downloads in self.cut:
            said.headers["Content-Length"], said.raw = str(len(body)), body[: len(body) // 2]
            said.headers["Connection"] = "close"
        return said

    # What becomes of a report ---------------------------------------------------------------------------------------

    def _by_itself(self, report: _Report) -> Outcome:
        """As Amazon does: one of the same kind and window within half an hour is cancelled, and one without rows."""
        earlier = [
            one for one in self._all.values() if one.what() == report.what() and one.outcome.status != "CANCELLED"
        ]
        if any(report.created - one.created < _TOO_OFTEN for one in earlier):
            return Outcome("CANCELLED")
        most = self.largest.get(report.type)
        if most and report.start and report.end and report.end - report.start > timedelta(days=most):
            return Outcome("FATAL", "The report's window is too large. Ask for fewer days.")
        return Outcome("DONE") if self._rows(report) else Outcome("CANCELLED")

    def _rows(self, report: _Report) -> list[Json]:
        end = report.end or self.time.now()
        start = report.start or end - timedelta(days=1)
        rows: dict[str, Callable[[], list[Json]]] = {
            ORDERS: lambda: self.shop.order_lines(start, end, report.marketplaces),
            RETURNS: lambda: self.shop.returned(start, end),
            LISTINGS: lambda: self.shop.listings.get(report.marketplaces[0], []),
            INVENTORY: lambda: self.shop.stock.get(report.marketplaces[0], []),
        }
        return rows[report.type]()

    def _status(self, report: _Report) -> str:
        age = (self.time.now() - report.created).total_seconds()
        if report.type != SETTLEMENT and age < _QUEUED_SECONDS:
            return "IN_QUEUE"
        if report.type != SETTLEMENT and (age < _WORKED_SECONDS or report.outcome.status == "NEVER"):
            return "IN_PROGRESS"
        return report.outcome.status

    def _shown(self, report: _Report) -> Json:
        status = self._status(report)
        if status == "DONE" and report.document is None:
            text = _tsv(self._rows(report))
            report.document = self._kept(text.encode(self.encodings.get(report.type, "cp1252"), "replace"))
        if status == "FATAL" and report.outcome.document is not None and report.document is None:
            report.document = self._kept(report.outcome.document.encode())
        said: Json = {
            "reportId": report.id,
            "reportType": report.type,
            "marketplaceIds": report.marketplaces,
            "createdTime": _iso(report.created),
            "processingStatus": status,
        }
        if report.start is not None:
            said["dataStartTime"] = _iso(report.start)
        if report.end is not None:
            said["dataEndTime"] = _iso(report.end)
        if status in _OVER:
            said["processingStartTime"] = _iso(report.created + timedelta(seconds=_QUEUED_SECONDS))
            said["processingEndTime"] = _iso(report.created + timedelta(seconds=_WORKED_SECONDS))
            if report.document is not None:
                said["reportDocumentId"] = report.document
        return said

    def _page(self, found: list[_Report], first: int, size: int) -> Json:
        said: Json = {"reports": [self._shown(report) for report in found[first : first + size]]}
        if first + size < len(found):
            token = f"reports/{len(self._pages)}="
            self._pages[token] = (found, first + size, size)
            said["nextToken"] = token
        return said

    def _kept(self, body: bytes) -> str:
        name = f"amzn1.spdoc.1.4.na.{len(self._documents) + 1:06d}"
        self._documents[name] = gzip.compress(body) if self.packed else body
        return name

    def _is_packed(self, document_id: str) -> bool:
        return self._documents[document_id][:2] == b"\x1f\x8b"

    def _id(self) -> str:
        return str(50_000_000_000 + len(self._all))


_WINDOW = ("dataStartTime", "dataEndTime")


def _tsv(rows: list[Json]) -> str:
    """As Amazon writes it: nothing is quoted, a line ends with CR LF."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["\t".join(names), *("\t".join(str(row.get(name, "")) for name in names) for row in rows)]
    return "\r\n".join(lines) + "\r\n"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
