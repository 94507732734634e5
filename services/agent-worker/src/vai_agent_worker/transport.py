"""Turns failures of requests that got no answer into errors of runs (decision 25)."""

import ssl
import zlib
from collections.abc import Sequence

import httpx2

from vai_agent_worker.request import Outgoing
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.secrets.hiding import Hidden

FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, zlib.error, TimeoutError)
"""The exceptions of such requests, besides errors of runs."""

_NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_UNSENDABLE = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
_BROKEN_OFF = ("disconnected", "closed")


def unanswered(
    error: Exception, trail: Sequence[Outgoing], hidden: Hidden, *, seconds: float, caution: str = ""
) -> RunError:
    """The error of the last request of `trail`, which was not answered within `seconds`, or not in a readable way.

    If the request must not be sent twice, `caution` is added and the error is final.
    """
    url = hidden.text(trail[-1].shown_url())
    details = {"url": url, "method": trail[-1].method}
    where = f"{trail[-1].method} {url}"
    if len(trail) > 1:
        details["redirected_from"] = hidden.text(trail[0].shown_url())
        where += f" (redirected from {details['redirected_from']})"
    if isinstance(error, TimeoutError):
        message = f"{where} took longer than {seconds:g} s.{caution}"
        return Permanent(ErrorCode.TIMEOUT, message, {**details, "timeout_seconds": seconds})
    if isinstance(error, _UNSENDABLE):
        return Permanent(ErrorCode.DATA_ERROR, f"{where} cannot be sent: {error}. Correct the request.", details)
    if _is_garbage(error):
        return Permanent(ErrorCode.DATA_ERROR, f"{where} answered what cannot be read: {error}.", details)
    if _is_untrusted(error):
        message = f"{where}: the server's certificate is not trusted ({error}). Correct the host or its certificate."
        return Permanent(ErrorCode.CONNECTION_ERROR, message, details)
    reason = str(error) or type(error).__name__
    # After a redirect a request was already sent, and perhaps carried out.
    if not caution or (isinstance(error, _NOTHING_SENT) and len(trail) == 1):
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{where} failed: {reason}.", details)
    return Permanent(ErrorCode.CONNECTION_ERROR, f"{where} failed: {reason}.{caution}", details)


def _is_garbage(error: Exception) -> bool:
    if isinstance(error, httpx2.RemoteProtocolError):
        return not any(word in str(error) for word in _BROKEN_OFF)
    return isinstance(error, zlib.error)


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
