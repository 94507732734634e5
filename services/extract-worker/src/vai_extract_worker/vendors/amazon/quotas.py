"""Sends requests to the Selling Partner API: keeps the quota of each operation, and translates Amazon's errors.

The first quotas are those that Amazon documents. `x-amzn-RateLimit-Limit` of an answer gives those of the account.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
import requests

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker import failures
from vai_extract_worker.progress import Json
from vai_extract_worker.rest.http_session import SourceSession
from vai_extract_worker.waits import rest, wait
from vai_records.secrets.hiding import Hidden
from vai_worker.children.link import Link

PLANS: Final = {
    "createReport": (0.0167, 15),
    "getMarketplaceParticipations": (0.016, 15),
    "getOrderItems": (0.5, 30),
    "getOrders": (0.0167, 20),
    "getReport": (2.0, 15),
    "getReportDocument": (0.0167, 15),
    "getReports": (0.0222, 10),
    "searchOrders": (0.0056, 20),
}
"""For each operation: requests per second, and how many may come at once."""

_PATIENCE = 5.0
"""The longest wait for a quota after a 429, in seconds. For a longer one the run leaves its worker and comes back
later.
"""

_PAUSES = (0.5, 2.0, 5.0)
"""Seconds before a failed request is repeated, if the failure may pass by itself."""

_SAID = 300


class Allowance:
    """The rest of an operation's quota: `burst` requests at once, `rate` more each second."""

    def __init__(self, rate: float, burst: int, link: Link) -> None:
        self._rate, self._burst, self._link = rate, float(burst), link
        self._room, self._at = self._burst, steady_seconds()

    def take(self) -> None:
        """Wait until a request may be sent."""
        self._fill()
        if self._room < 1:
            rest((1 - self._room) / self._rate, self._link)
            self._fill()
        self._room -= 1

    def hear(self, rate: str | None, throttled: bool) -> None:
        """Take the quota from an answer."""
        if rate and re.fullmatch(r"\d{1,4}(\.\d{1,9})?", rate) and float(rate) > 0:
            self._rate = float(rate)
        if throttled:
            self._room, self._at = 0.0, steady_seconds()

    @property
    def seconds(self) -> float:
        """Seconds until there is room for one request, after the quota was used up."""
        return 1 / self._rate

    def _fill(self) -> None:
        moment = steady_seconds()
        self._room = min(self._burst, self._room + (moment - self._at) * self._rate)
        self._at = moment


def listed(said: Json, path: Sequence[str], operation: str) -> list[Json]:
    """The list that an answer has to have. Raises DATA_ERROR: one that lacks it is not an empty one."""
    found: Any = said
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return found
    text = (
        f"Amazon's answer to {operation} has no list {'.'.join(path)}: nothing of it was taken. Check base_url; if it "
    )
    raise Permanent(ErrorCode.DATA_ERROR, f"{text}is Amazon's, try again later.", {"operation": operation})


class Calls:
    """Return the JSON of a success. Raises `Retryable` or `Permanent`."""

    def __init__(self, session: SourceSession, base_url: str, link: Link, hidden: Hidden, read_seconds: float) -> None:
        self._session, self._base_url, self._link, self._hidden = session, base_url, link, hidden
        self._read_seconds = read_seconds
        self._allowances = {name: Allowance(*plan, link) for name, plan in PLANS.items()}

    def get(self, operation: str, path: str, params: Json) -> Json:
        return self._call(operation, "GET", path, params, None)

    def post(self, operation: str, path: str, body: Json) -> Json:
        return self._call(operation, "POST", path, None, body)

    def _call(self, operation: str, method: str, path: str, params: Json | None, body: Json | None) -> Json:
        allowance, tries = self._allowances[operation], 0
        while True:
            self._link.check()
            allowance.take()
            try:
                return self._answer(operation, self._sent(method, path, params, body), allowance)
            except RunError as error:
                pause = _pause(error, tries)
                if pause is None or (method == "POST" and not _was_refused(error)):
                    raise
            tries += 1
            wait(pause, self._link)

    def _sent(self, method: str, path: str, params: Json | None, body: Json | None) -> requests.Response:
        url = f"{self._base_url}{path}"
        try:
            response = self._session.request(method, url, params=params, json=body, allow_redirects=False)
        except requests.RequestException as error:
            raise failures.of_exception(error, url, self._read_seconds) from error
        self._session.received += len(response.content)
        return response

    def _answer(self, operation: str, response: requests.Response, allowance: Allowance) -> Json:
        allowance.hear(response.headers.get("x-amzn-RateLimit-Limit"), response.status_code == 429)
        try:
            said = orjson.loads(response.content)
        except ValueError:
            said = None
        if 200 <= response.status_code < 300:
            if isinstance(said, dict):
                return said
            place = failures.place_of(response.url)
            raise failures.garbage(place, "it is no JSON object", "JSON", {"url": place, "operation": operation})
        raise self._error(operation, response, said, allowance)

    def _error(self, operation: str, response: requests.Response, said: Any, allowance: Allowance) -> RunError:
        status = response.status_code
        words = self._hidden.text(_words(said))[:_SAID]
        details: Json = {"statusCode": status, "operation": operation, "said": words}
        if request_id := response.headers.get("x-amzn-RequestId"):
            details["requestId"] = request_id[:100]
        text = f"Amazon answered {status} to {operation}" + (f" ({words})" if words else "")
        if status == 429:
            text += ": the quota is used up."
            return Retryable(ErrorCode.RATE_LIMITED, text, details, failures.retry_after(response) or allowance.seconds)
        if status in (401, 403):
            text += (
                ": the app lacks the role for it, the account is of another region, or the seller has withdrawn the "
                "authorisation. Give it the role, authorise it again in Seller Central, and put the new refresh_token "
                "into the connection."
            )
            return Permanent(ErrorCode.AUTH_ERROR, text, details)
        if status >= 500 or status == 408:
            return Retryable(ErrorCode.CONNECTION_ERROR, f"{text}: it fails.", details, failures.retry_after(response))
        if status == 404:
            return Permanent(ErrorCode.DATA_ERROR, f"{text}: check base_url and region of the connection.", details)
        return Permanent(ErrorCode.DATA_ERROR, f"{text}: correct what it names.", details)


def is_ended(response: requests.Response) -> bool:
    """Whether an answer says that the access token has expired: Amazon answers 403 with these words, others answer
    401.
    """
    return response.status_code == 401 or (response.status_code == 403 and b"access token" in response.content.lower())


def _words(said: Any) -> str:
    """The first error of {"errors": [{code, message, details}]}, without characters that a log cannot show."""
    errors = said.get("errors") if isinstance(said, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    parts = [str(first[name]).strip() for name in ("code", "message", "details") if first.get(name)]
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", ": ".join(parts))


def _pause(error: RunError, tries: int) -> float | None:
    """Seconds until the request is repeated. None if it is left to the run's next attempt."""
    if tries >= len(_PAUSES) or not (isinstance(error, Retryable | failures.Garbage)):
        return None
    wanted = error.retry_after if isinstance(error, Retryable) else None
    if error.code == ErrorCode.RATE_LIMITED:
        return wanted if wanted is not None and wanted <= _PATIENCE else None
    return _PAUSES[tries] if wanted is None else wanted if wanted <= _PATIENCE else None


def _was_refused(error: RunError) -> bool:
    """Whether the request was certainly not carried out. It matters because Amazon cancels a report that is requested
    twice.
    """
    return error.code == ErrorCode.RATE_LIMITED
