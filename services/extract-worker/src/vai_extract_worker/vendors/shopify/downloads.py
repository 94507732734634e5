"""Downloads a file of JSON lines and reads it line by line, so that it need not fit into memory. An interrupted
download is continued.

The file is in the vendor's object store, not at the shop, so no credentials are sent.
"""

import os
from collections.abc import Callable, Iterator
from typing import Final

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.egress.urllib3_guard import guarded_pools
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.failures import place_of
from vai_extract_worker.waits import wait
from vai_worker.children.link import Link

LONGEST_LINE: Final = 64 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_TRIES: Final = 5
_WAIT: Final = 0.2
_TIMEOUT: Final = Timeout(connect=10.0, read=60.0)
_LONGEST: Final = 6 * 3600.0
"""The longest time in seconds for the whole file."""


class Download:
    """`link_of` returns the file's address, a new one if the old one has expired. `size`: its bytes, None if
    unknown. `received` counts bytes, `sent` requests.
    """

    def __init__(self, link_of: Callable[[], str], size: int | None, policy: Policy, link: Link) -> None:
        self._link_of, self._size, self._link = link_of, size, link
        self._pools = guarded_pools(policy, 1, 1, **_trust())
        self.received = self.sent = 0
        self._url = ""

    def lines(self) -> Iterator[bytes]:
        """All lines. Raises `Retryable` if the file does not come completely."""
        rest = bytearray()
        for chunk in self._chunks():
            rest += chunk
            *lines, last = rest.split(b"\n")
            yield from (bytes(line) for line in lines if line.strip())
            rest = last
            if len(rest) > LONGEST_LINE:
                text = f"A line of {self._place} is longer than {LONGEST_LINE >> 20} MB: set bulk: never."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"url": self._place})
        if rest.strip():
            yield bytes(rest)

    @property
    def _place(self) -> str:
        return place_of(self._url)

    def _chunks(self) -> Iterator[bytes]:
        tries, until, why = 0, steady_seconds() + _LONGEST, ""
        self._url = self._link_of()
        while tries < _TRIES and steady_seconds() < until:
            before = self.received
            try:
                yield from self._some(self._pools)
                if self._size is None or self.received >= self._size:
                    self._refuse_more()
                    return
                why = f"it ended after {self.received:,} of {self._size:,} bytes"
            except (HTTPError, OSError) as error:
                why = type(error).__name__
            except _Status as status:
                why = f"it was answered with {status}"
            tries = 1 if self.received > before else tries + 1
            wait(_WAIT * tries, self._link)
            self._url = self._link_of()
        text = f"The file {self._place} does not come whole: {why}. Nothing of it was kept."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"url": self._place, "received": self.received})

    def _some(self, pools: PoolManager) -> Iterator[bytes]:
        """The rest of the file, as far as it comes."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "vai-extract-worker"}
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
        self.sent += 1
        response = pools.request(
            "GET", self._url, headers=headers, preload_content=False, redirect=False, retries=False, timeout=_TIMEOUT
        )
        try:
            if response.status not in (200, 206):
                raise _Status(str(response.status))
            skip = self.received if response.status == 200 else 0
            for chunk in response.stream(_CHUNK, decode_content=False):
                self._link.check()
                part, skip = chunk[skip:], max(0, skip - len(chunk))
                self.received += len(part)
                yield part
        finally:
            response.close()

    def _refuse_more(self) -> None:
        if self._size is not None and self.received > self._size:
            text = f"The file {self._place} has {self.received:,} bytes, and should have {self._size:,}."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"url": self._place})


class _Status(Exception):
    """The error for an answer that is no file."""


def _trust() -> dict[str, str]:
    found = os.environ.get("SSL_CERT_FILE")
    return {"ca_certs": found} if found else {}
