"""Bulk operations: the vendor reads a whole table by itself and gives a file.

Rows count only when the whole file has come, with as many bytes and rows as the vendor announces. If the operation
fails or is cancelled, or the file is incomplete, an error is raised, so that the slice is not complete and no cursor
moves.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.vendors.shopify.admin import Admin
from vai_extract_worker.vendors.shopify.downloads import Download
from vai_extract_worker.waits import wait
from vai_worker.children.link import Link

Json = dict[str, Any]

POLL_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds between looks at an operation. The last value is used for all further looks."""

STALLED_SECONDS: Final = 2 * 3600.0
"""An operation without progress for this time (seconds) is given up."""

BUSY_SECONDS: Final = 600.0
"""The longest wait for another operation of the same app, in seconds. After that the run leaves its worker and comes
back later.
"""

ROWS_AT_A_TIME: Final = 2_000

_RUN: Final = """mutation ($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: true) {
bulkOperation { id status } userErrors { field message code } } }"""
_LOOK: Final = """query ($id: ID!) { node(id: $id) { ... on BulkOperation {
id status errorCode objectCount rootObjectCount fileSize url query } } }"""
_ID: Final = re.compile(r"gid://shopify/BulkOperation/\d+")
_RUNNING: Final = ("CREATED", "RUNNING", "CANCELING")


class TooLong(Exception):
    """The operation took longer than the vendor permits. Ask for fewer rows, or read page by page."""


class BulkOperation:
    """One bulk operation. `received` is how many bytes of its file have come, by `sent` requests."""

    def __init__(self, admin: Admin, policy: Policy, link: Link, name: str) -> None:
        self._admin, self._policy, self._link, self._name = admin, policy, link, name
        self.received = self.sent = 0

    def lines(self, query: str, counts_all: bool) -> Iterator[list[Json]]:
        """The file's lines, in lists. `counts_all`: each object that the vendor counts is a line.

        Raises `TooLong`, `Retryable` or `Permanent`.
        """
        found = self._over(self._started(query))
        self._link.log(
            "bulk_completed",
            f"The bulk operation for {self._name} is over: {int(found['objectCount']):,} objects.",
            {"resource": self._name, "operation": found["id"], "objects": int(found["objectCount"])},
        )
        count = roots = 0
        for batch in self._batches(found):
            count += len(batch)
            roots += sum("__parentId" not in line for line in batch)
            yield batch
        wanted = (int(found["rootObjectCount"]), int(found["objectCount"]) if counts_all else count)
        if (roots, count) != wanted:
            text = f"The file of the bulk operation for {self._name} has {roots:,} rows and {count:,} lines, and should"
            text += f" have {wanted[0]:,} and {wanted[1]:,}. Nothing of it was kept."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"operation": found["id"]})

    # Start and wait --------------------------------------------------------------------------------------------------

    def _started(self, query: str) -> str:
        """The operation's id. If an operation with the same query is already running, that one is taken: a worker that
        died has started it.
        """
        until = steady_seconds() + BUSY_SECONDS
        for pause in _pauses():
            answer = self._admin.must(_RUN, query=query)["bulkOperationRunQuery"] or {}
            faults = answer.get("userErrors") or []
            if not faults and answer.get("bulkOperation"):
                return self._told_start(str(answer["bulkOperation"]["id"]), "began")
            said = "; ".join(str(fault.get("message")) for fault in faults)
            if not _is_busy(faults):
                text = f"Shopify does not take the bulk operation for {self._name}: {said} Set bulk: never."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"resource": self._name, "shopifyError": said})
            if (other := self._same(said, query)) is not None:
                return self._told_start(other, "goes on")
            if steady_seconds() > until:
                text = f"Another bulk operation of this app is under way in the shop: {said} The run goes on after it."
                raise Retryable(ErrorCode.RATE_LIMITED, text, {"resource": self._name}, 60.0)
            wait(pause, self._link)
        raise AssertionError("the pauses have no end")

    def _same(self, said: str, query: str) -> str | None:
        for id in _ID.findall(said):
            found = self._admin.must(_LOOK, id=id)["node"]
            if found and found["query"] == query and found["status"] in ("CREATED", "RUNNING"):
                return str(id)
        return None

    def _told_start(self, id: str, how: str) -> str:
        text = f"A bulk operation for {self._name} {how}: Shopify reads the whole of it and gives a file."
        self._link.log("bulk_started", text, {"resource": self._name, "operation": id})
        return id

    def _over(self, id: str) -> Json:
        """Wait until the operation is completed, and return it."""
        count, since = -1, steady_seconds()
        for pause in _pauses():
            found = self._look(id)
            if found["status"] not in _RUNNING:
                return self._judged(found)
            if int(found["objectCount"]) != count:
                count, since = int(found["objectCount"]), steady_seconds()
            if steady_seconds() - since > STALLED_SECONDS:
                text = f"The bulk operation for {self._name} stands still at {count:,} objects."
                raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"operation": id})
            wait(pause, self._link)
        raise AssertionError("the pauses have no end")

    def _look(self, id: str) -> Json:
        found = self._admin.must(_LOOK, id=id)["node"]
        if not isinstance(found, dict) or "status" not in found:
            text = f"Shopify knows nothing of the bulk operation {id} any more."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"operation": id})
        return found

    def _judged(self, found: Json) -> Json:
        status, code = found["status"], found.get("errorCode")
        if status == "COMPLETED":
            return found
        details = {"operation": found["id"], "status": status, "errorCode": code}
        said = f"The bulk operation for {self._name} ended as {status}{f' ({code})' if code else ''}"
        if code == "ACCESS_DENIED":
            text = f"{said}: the app may not read all of it. Give it the scopes; or set personal_data: false."
            raise Permanent(ErrorCode.AUTH_ERROR, text, details)
        if code == "TIMEOUT":
            raise TooLong(said)
        text = f"{said}. Nothing of it was kept, and no cursor moved."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, details)

    # The file --------------------------------------------------------------------------------------------------------

    def _batches(self, found: Json) -> Iterator[list[Json]]:
        if not found.get("url"):  # nothing was found
            return
        links = iter([str(found["url"])])
        size = found.get("fileSize")
        download = Download(
            lambda: next(links, None) or str(self._look(found["id"])["url"]),
            int(size) if size is not None else None,
            self._policy,
            self._link,
        )
        batch: list[Json] = []
        for line in download.lines():
            batch.append(self._read(line, found["id"]))
            if len(batch) >= ROWS_AT_A_TIME:
                self.received, self.sent = download.received, download.sent
                yield batch
                batch = []
        self.received, self.sent = download.received, download.sent
        if batch:
            yield batch

    def _read(self, line: bytes, id: str) -> Json:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            text = (
                f"A line in the file of the bulk operation for {self._name} is no JSON object. Nothing of it was kept."
            )
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"operation": id})
        return found


def _is_busy(faults: list[Json]) -> bool:
    codes = {fault.get("code") for fault in faults}
    said = " ".join(str(fault.get("message")) for fault in faults)
    return bool(codes & {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}) or "already in progress" in said


def _pauses() -> Iterator[float]:
    yield from POLL_SECONDS[:-1]
    while True:
        yield POLL_SECONDS[-1]
