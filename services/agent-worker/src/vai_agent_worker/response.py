"""Turns a response into a run's result, or into the error that its status means (decision 25)."""

import base64
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import orjson

from vai_common import numbers
from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_common.nesting import DEEPEST, is_deeper
from vai_records.secrets.hiding import Hidden
from vai_records.secrets.secret_names import looks_secret
from vai_worker.quota import is_quota, quota_wait
from vai_worker.retry_after import moment, seconds_to_wait

_EXCERPT = 2_000
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"))
_CHARSETS = re.compile(
    r"(utf-?8|utf-?(16|32)(-?[lb]e)?|us-ascii|ascii|latin-?1|iso-?8859-\d+|windows-125\d|cp\d+|koi8-[ru]"
    r"|shift[_-]jis|euc-(jp|kr)|gb(2312|k|18030)|big5)",
    re.IGNORECASE,
)
# Postgres keeps no NUL in jsonb; an even number of backslashes before it means that this one begins an escape.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True)
class Answer:
    """A response that has been read up to the limit; `seconds` from sending to the last byte read."""

    method: str
    url: str
    status: int
    headers: httpx2.Headers
    charset: str | None
    raw: bytes
    truncated: bool
    seconds: float
    withheld: str | None = None

    def result(self, hidden: Hidden) -> dict[str, Any]:
        """The run's `result`. `body_encoding` is json (parsed), text or base64."""
        body, encoding = self._body(hidden)
        return {
            "status_code": self.status,
            "url": hidden.address(self.url),
            "headers": hidden.out_of(_shown(self.headers, hidden)),
            "body": body,
            "body_encoding": encoding,
            "truncated": self.truncated,
            "duration_seconds": round(self.seconds, 3),
        }

    def failure(self, hidden: Hidden, caution: str = "") -> RunError:
        """The error for a status that was not expected.

        `caution` is added if the request must not be sent twice. Then a server's failure is final (decisions 24, 25).
        """
        where = f"{self.method} {hidden.address(self.url)} answered {self.status}"
        text = self._text() or ""
        body = (hidden.cut(text) if self.truncated else hidden.text(text))[:_EXCERPT]
        details = {"statusCode": self.status, "url": hidden.address(self.url), "body": body}
        if is_quota(self.status, self.headers):
            message = f"{where}: too many requests."
            return Retryable(ErrorCode.RATE_LIMITED, message, details, quota_wait(self.headers, self._answered_at()))
        if self.status in (401, 403):
            return Permanent(ErrorCode.AUTH_ERROR, f"{where}: {self._about_credentials()}.", details)
        if self.status >= 500:
            message = f"{where}: the server failed.{caution} If this lasts, ask its operator."
            if caution:
                return Permanent(ErrorCode.CONNECTION_ERROR, message, details)
            return Retryable(ErrorCode.CONNECTION_ERROR, message, details, self.retry_after())
        if self.status == 404:
            return Permanent(ErrorCode.CONNECTION_ERROR, f"{where}: nothing is there. Check the url.", details)
        message = f"{where}, which is not expected: correct the request, or list the status in expected_status."
        return Permanent(ErrorCode.DATA_ERROR, message, details)

    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait; a date is taken relative to the response's own."""
        return seconds_to_wait(self.headers.get("retry-after"), self._answered_at())

    def _answered_at(self) -> datetime:
        return moment(self.headers.get("date")) or now()

    def _about_credentials(self) -> str:
        if self.withheld:
            return f"credentials were not sent, because {self.withheld}"
        return "the credentials are missing, wrong or not enough; correct them"

    def _body(self, hidden: Hidden) -> tuple[Any, str | None]:
        """Without what is hidden, and how it is written."""
        if not self.raw:
            return None, None
        if self._is_json() and not self.truncated:
            with suppress(orjson.JSONDecodeError):
                raw = _NUL.sub(rb"\1\\ufffd", self.raw)
                body = orjson.loads(raw)
                if self.raw.count(b"[") + self.raw.count(b"{") <= DEEPEST or not is_deeper(body, DEEPEST):
                    if numbers.may_be_odd(raw):
                        body = numbers.kept(raw)
                    return _without(hidden, body), "json"
        text = self._text()
        if text is None:
            return base64.b64encode(hidden.octets(self.raw, cut=self.truncated)).decode(), "base64"
        return (hidden.cut(text) if self.truncated else hidden.text(text)), "text"

    def _is_json(self) -> bool:
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return media.endswith(("/json", "+json"))

    def _text(self) -> str | None:
        charset = self.charset if self.charset and _CHARSETS.fullmatch(self.charset) else "utf-8"
        # The limit may have cut off a character of up to four bytes.
        for cut in range(4 if self.truncated else 1):
            try:
                text = self.raw[: len(self.raw) - cut].decode(charset)
            except (UnicodeDecodeError, LookupError):
                continue
            return None if "\0" in text else text
        return None


async def read(response: httpx2.Response, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of the decoded body, and whether there was more.

    It is decompressed no further than the limit, so that a small response cannot fill the memory.
    """
    inflate = _inflater(response)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += inflate.decompress(chunk, limit + 1 - len(body)) if inflate else chunk
        if len(body) > limit:
            return bytes(body[:limit]), True
    if inflate and body and not inflate.eof:
        raise zlib.error("the compressed body is incomplete")
    return bytes(body), False


def _without(hidden: Hidden, body: Any) -> Any:
    """The value without hidden values. A text search comes first, since walking over millions of numbers would take
    seconds.
    """
    return body if hidden.is_absent_from(orjson.dumps(body)) else hidden.out_of(body)


def _inflater(response: httpx2.Response) -> "zlib._Decompress | None":
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    raise zlib.error(f"the body is encoded as {encoding[:50]}, which was not asked for")


def _shown(headers: httpx2.Headers, hidden: Hidden) -> dict[str, str]:
    shown = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP and not looks_secret(name)}
    return {name: hidden.address(value) for name, value in shown.items()}
