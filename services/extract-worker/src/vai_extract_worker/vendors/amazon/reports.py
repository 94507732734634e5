"""Gets reports (Reports API 2021-06-30): takes an existing one, or requests one, waits for it, and judges its end.

Amazon cancels a report that has nothing to report, and also one that was requested too often; the two look the same. If
one of the same type and window was made within half an hour before, it was requested too often.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from vai_common.clock import now, steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.progress import Json
from vai_extract_worker.rates import SharedPace
from vai_extract_worker.source import TooLarge
from vai_extract_worker.vendors.amazon.documents import Documents
from vai_extract_worker.vendors.amazon.quotas import Calls, listed
from vai_extract_worker.waits import rest
from vai_worker.children.link import Link

PATH: Final = "/reports/2021-06-30/reports"
TOO_OFTEN: Final = timedelta(minutes=30)
"""Amazon makes a report of the same type and window only once in this time, and cancels others."""

_STILL_GOOD = timedelta(hours=24)
"""How long an existing report is good enough. One of a past window no longer changes; a snapshot counts only until the
next one is allowed.
"""

_KEPT = timedelta(days=89)
"""Amazon keeps reports for 90 days."""

_LONGEST_POLL = 60.0


@dataclass(frozen=True)
class Wanted:
    """A report: its type, its marketplaces, and the window of its data. A snapshot has no window."""

    type: str
    marketplaces: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None

    def is_of(self, report: Json) -> bool:
        """Whether a report in Amazon's list is this one."""
        told = (_moment(report.get("dataStartTime")), _moment(report.get("dataEndTime")))
        same_window = self.start is None or told == (self.start, self.end)
        return same_window and set(report.get("marketplaceIds") or ()) == set(self.marketplaces)

    def __str__(self) -> str:
        if self.start is None or self.end is None:
            return f"{self.type} of {', '.join(self.marketplaces)}"
        return f"{self.type} from {self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Pace:
    """Seconds between two requests for a report, between two looks at a report, and the longest wait for one."""

    interval: float
    poll: float
    longest: float


class Reports:
    """The reports of one attempt of a run."""

    def __init__(self, calls: Calls, documents: Documents, link: Link, pace: Pace) -> None:
        self._calls, self._documents, self._link, self._pace = calls, documents, link, pace
        self._turn = SharedPace(pace.interval, link, "amazon_sp_api:createReport")
        self._lists: dict[tuple[str, tuple[str, ...]], tuple[datetime, list[Json]]] = {}
        self._failed: set[tuple[str, tuple[str, ...], datetime | None]] = set()

    def document(self, wanted: Wanted) -> str | None:
        """The id of the report's document. None if there is nothing to report.

        Raises RATE_LIMITED if it was requested too often, TIMEOUT if it is not ready in time, and DATA_ERROR with
        Amazon's reason if it failed. If a smaller window may help, the first failure raises `TooLarge`.
        """
        report = self._there(wanted) or self._asked(wanted)
        report = self._finished(report, wanted)
        status, document = report.get("processingStatus"), report.get("reportDocumentId")
        if status == "DONE" and isinstance(document, str):
            return document
        if status == "CANCELLED":
            self._look_whether_too_often(report, wanted)
            self._note(wanted, report, "Amazon cancelled it: that counts as nothing to report")
            return None
        raise self._failure(report, wanted)

    def listed(self, asked: Json) -> Iterator[Json]:
        """Reports of Amazon's list, page after page."""
        params: Json = {"pageSize": 100, **asked}
        while True:
            said = self._calls.get("getReports", PATH, params)
            yield from listed(said, ("reports",), "getReports")
            if not (token := said.get("nextToken")):
                return
            if token == params.get("nextToken"):
                text = "Amazon gave the same page of its list of reports twice; start the run again."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"operation": "getReports"})
            params = {"nextToken": token}

    # One that is there, or a new one --------------------------------------------------------------------------------

    def _there(self, wanted: Wanted) -> Json | None:
        """The newest report that is still good. Those with the status `CANCELLED` or `FATAL` are not."""
        for report in self._like(wanted, ("DONE", "IN_QUEUE", "IN_PROGRESS")):
            made = _moment(report.get("processingEndTime"))
            if wanted.start is None and made is not None and made < now() - TOO_OFTEN:
                continue
            self._note(wanted, report, "it is taken, since it is there already")
            return report
        return None

    def _like(self, wanted: Wanted, statuses: Sequence[str], is_fresh: bool = False) -> Iterator[Json]:
        """The existing reports of this type and window, the newest first. Amazon's list is read only from time to time,
        since it has a quota.
        """
        key = (wanted.type, wanted.marketplaces)
        read, found = self._lists.get(key, (now() - TOO_OFTEN, []))
        if is_fresh or now() - read >= TOO_OFTEN:
            asked = {
                "reportTypes": wanted.type,
                "processingStatuses": "DONE,IN_QUEUE,IN_PROGRESS,FATAL",
                "marketplaceIds": ",".join(wanted.marketplaces[:10]),
                "createdSince": iso(now() - _STILL_GOOD),
            }
            found = list(self.listed(asked))
            self._lists[key] = (now(), found)
        return (one for one in found if wanted.is_of(one) and one.get("processingStatus") in statuses)

    def _asked(self, wanted: Wanted) -> Json:
        rest(self._turn.turn(), self._link)
        body: Json = {"reportType": wanted.type, "marketplaceIds": list(wanted.marketplaces)}
        if wanted.start is not None and wanted.end is not None:
            body |= {"dataStartTime": iso(wanted.start), "dataEndTime": iso(wanted.end)}
        said = self._calls.post("createReport", PATH, body)
        if not isinstance(said.get("reportId"), str):
            text = f"Amazon took the request for {wanted}, and gave no reportId."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"report_type": wanted.type})
        self._note(wanted, said, "asked for")
        return said

    # What becomes of it ---------------------------------------------------------------------------------------------

    def _finished(self, report: Json, wanted: Wanted) -> Json:
        """Wait until Amazon has finished the report. A pause or a cancel takes effect during the wait."""
        until, pause = steady_seconds() + self._pace.longest, self._pace.poll
        while report.get("processingStatus") not in ("DONE", "CANCELLED", "FATAL"):
            if (left := until - steady_seconds()) <= 0:
                text = (
                    f"{_named(report, wanted)} is not ready after {self._pace.longest:g} s. The next attempt goes on "
                )
                text += "waiting for it; report_wait_seconds makes it longer."
                raise Retryable(ErrorCode.TIMEOUT, text, _details(report, wanted))
            if "processingStatus" in report:
                rest(min(pause, left), self._link)
                pause = min(pause * 1.5, max(_LONGEST_POLL, self._pace.poll))
            report = self._calls.get("getReport", f"{PATH}/{report['reportId']}", {})
        return report

    def _look_whether_too_often(self, report: Json, wanted: Wanted) -> None:
        """Raises RATE_LIMITED if an equal report was made shortly before."""
        created = _moment(report.get("createdTime")) or now()
        statuses = ("DONE", "IN_QUEUE", "IN_PROGRESS", "FATAL")
        for other in self._like(wanted, statuses, is_fresh=wanted.start is None):
            before = _moment(other.get("createdTime"))
            if other.get("reportId") == report.get("reportId") or before is None:
                continue
            if not created - TOO_OFTEN < before <= created:
                continue
            seconds = max((before + TOO_OFTEN - now()).total_seconds(), 60.0)
            text = (
                f"{_named(report, wanted)} was cancelled: one like it was asked for at {iso(before)}, and Amazon makes "
            )
            text += "one in 30 minutes."
            raise Retryable(ErrorCode.RATE_LIMITED, text, _details(report, wanted), seconds)

    def _failure(self, report: Json, wanted: Wanted) -> Permanent:
        document = report.get("reportDocumentId")
        reason = self._documents.reason(document) if isinstance(document, str) else ""
        text = f"{_named(report, wanted)} failed at Amazon ({reason or 'it gives no reason'})."
        details = _details(report, wanted) | {"said": reason}
        key = (wanted.type, wanted.marketplaces, wanted.start)
        if wanted.start is not None and key not in self._failed:
            self._failed.add(key)
            return TooLarge(f"{text} A smaller window is tried.", details)
        advice = (
            "Try smaller slice_days, or start the run again later." if wanted.start else "Start the run again later."
        )
        return Permanent(ErrorCode.DATA_ERROR, f"{text} {advice}", details)

    def _note(self, wanted: Wanted, report: Json, what: str) -> None:
        data = _details(report, wanted)
        self._link.log("report", f"Report {report.get('reportId')} ({wanted}): {what}", data)


def since(moment: datetime | None) -> datetime:
    """A moment for `createdSince`. Amazon accepts only the last 90 days."""
    oldest = now() - _KEPT
    return oldest if moment is None else max(moment, oldest)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _named(report: Json, wanted: Wanted) -> str:
    return f"The report {report.get('reportId')} ({wanted})"


def _details(report: Json, wanted: Wanted) -> Json:
    return {
        "report_id": report.get("reportId"),
        "report_type": wanted.type,
        "marketplaces": list(wanted.marketplaces),
        "status": report.get("processingStatus"),
    }


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None
