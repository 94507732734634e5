"""Fetches a report's document to a temporary file, since it may be larger than the memory. Its link expires after
minutes.
"""

import errno
import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, cast

import urllib3
from urllib3.exceptions import HTTPError

from vai_common.egress.addresses import Policy
from vai_common.egress.urllib3_guard import guarded_pools
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker import failures
from vai_extract_worker.rest.http_session import CONNECT_TIMEOUT
from vai_extract_worker.vendors.amazon.quotas import Calls
from vai_extract_worker.waits import wait
from vai_worker.children.link import Link

LARGEST: Final = 8 * 1024**3
"""The largest document in bytes, as it is transferred."""

_TRIES = 3
_READ_SECONDS = 60.0
_CHUNK = 1024 * 1024
_REASON = 2_000


class _Again(Exception):
    """The link has expired, or the document came incomplete. Another link may help."""


@dataclass(frozen=True)
class Document:
    """A file that is decompressed while it is read. `charset` is the encoding that its server names."""

    file: IO[bytes]
    charset: str | None
    size: int


class Documents:
    """Fetches documents. The requests have no credentials, since the links are credentials themselves. `sent` counts
    them.
    """

    def __init__(self, calls: Calls, policy: Policy, link: Link) -> None:
        self._calls, self._link = calls, link
        self._pools = guarded_pools(policy, 4, 1)
        self.sent = 0

    @contextmanager
    def opened(self, document_id: str) -> Iterator[Document]:
        """Raises `Retryable` if the document does not come completely after several links, DATA_ERROR if it cannot be
        read.
        """
        with self._fetched(document_id) as (raw, is_packed, charset, size):
            yield Document(cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb")) if is_packed else raw, charset, size)

    def reason(self, document_id: str) -> str:
        """The beginning of a document that explains why a report failed. Empty if it does not come."""
        try:
            with self.opened(document_id) as document:
                text = document.file.read(_REASON).decode("utf-8", "replace")
        except (RunError, OSError, EOFError, zlib.error):
            return ""
        return " ".join(text.split())[:500]

    @contextmanager
    def _fetched(self, document_id: str) -> Iterator[tuple[IO[bytes], bool, str | None, int]]:
        why = ""
        for number in range(_TRIES):
            said = self._calls.get("getReportDocument", f"/reports/2021-06-30/documents/{document_id}", {})
            packing = said.get("compressionAlgorithm")
            if packing not in (None, "GZIP"):
                text = f"The document {document_id} is packed as {packing!r:.40}, which is not known here."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"document": document_id})
            with tempfile.TemporaryFile() as file:
                try:
                    charset, size = self._download(str(said.get("url")), file)
                    if packing == "GZIP":
                        self._look_whether_whole(file)
                except _Again as again:
                    why = str(again)
                    wait(0.5 * number, self._link)
                    continue
                file.seek(0)
                yield file, packing == "GZIP", charset, size
                return
        text = f"The document {document_id} did not come, with {_TRIES} links ({why})."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"document": document_id})

    def _download(self, url: str, file: IO[bytes]) -> tuple[str | None, int]:
        place = failures.place_of(url)
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=_READ_SECONDS)
        self.sent += 1
        try:
            answer = self._pools.request(
                "GET", url, preload_content=False, decode_content=False, redirect=False, retries=False, timeout=timeout
            )
            try:
                if answer.status in (400, 403, 404):
                    raise _Again(f"{place} answered {answer.status}: the link has ended")
                if answer.status != 200:
                    raise _Again(f"{place} answered {answer.status}")
                size = 0
                for chunk in answer.stream(_CHUNK):
                    self._link.check()
                    size += file.write(chunk)
                    if size > LARGEST:
                        text = f"A document of {place} has more than {LARGEST >> 30} GB. Take smaller slice_days."
                        raise Permanent(ErrorCode.DATA_ERROR, text, {"url": place})
                return _charset(answer.headers.get("Content-Type", "")), size
            finally:
                answer.close()
        except HTTPError as error:
            raise _Again(f"{place}: {type(error).__name__}") from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            text = f"There is no room for a document of {place} in {tempfile.gettempdir()}: make room, or set TMPDIR."
            raise Retryable(ErrorCode.INTERNAL_ERROR, text, {"url": place}) from error

    def _look_whether_whole(self, file: IO[bytes]) -> None:
        file.seek(0)
        try:
            with gzip.open(file) as unpacked:
                while unpacked.read(_CHUNK):
                    self._link.check()
        except (EOFError, OSError, zlib.error) as error:
            raise _Again(f"its compression is broken: {type(error).__name__}") from error


def _charset(content_type: str) -> str | None:
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset":
            return value.strip("\"' ") or None
    return None
