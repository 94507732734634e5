"""Sends queries to the GraphQL Admin API: one at a time, within the budget of query costs. Translates its errors.

Each answer says how much of the budget is left (`extensions.cost.throttleStatus`). All processes that use the same app
have one budget; since each answer shows what the others used, they share it.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import requests

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.rest.http_session import SourceSession, Wanted
from vai_extract_worker.waits import wait
from vai_records.secrets.hiding import Hidden
from vai_worker.children.link import Link

Json = dict[str, Any]

PATIENCE: Final = 60.0
"""The longest wait for the budget, in seconds. For a longer one the run leaves its worker and comes back later."""

_LEAST_WAIT: Final = 0.1
_FAILURES: Final = ("INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE")


class TooDear(Exception):
    """A query costs more than is allowed for one query. Ask for fewer rows at a time; `share` is the factor."""

    def __init__(self, cost: float, most: float) -> None:
        super().__init__(f"a query costs {cost:g}, at most {most:g} are possible")
        self.share = most / cost if cost > most > 0 else 0.5


class Stumbled(Exception):
    """The vendor failed on a query. A smaller one may succeed; if not, `error` is raised."""

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message)
        self.error = error


class Admin:
    """The API of one shop. Raises `TooDear`, `Stumbled`, or the error with which the run ends."""

    def __init__(self, session: SourceSession, base_url: str, version: str, link: Link, hidden: Hidden) -> None:
        self._session, self._link, self._hidden = session, link, hidden
        self.version = version
        self.url = f"{base_url}/admin/api/{version}/graphql.json"
        self._left: float | None = None
        self._restored: float = 50.0
        self._at = 0.0
        self._costs: dict[str, float] = {}
        self._told_version = False
        session.want(Wanted(errors=[]))

    def ask(self, query: str, /, **variables: Any) -> Json:
        """The answer's `data`."""
        waited, least = 0.0, _LEAST_WAIT
        while True:
            wait(self._until_affordable(query), self._link)
            answer = self._post({"query": query, "variables": variables})
            self._note(query, answer)
            errors = _errors(answer)
            if not any(_code(error) == "THROTTLED" for error in errors):
                break
            pause = max(self._until_affordable(query), least)
            if waited + pause > PATIENCE:
                text = "Shopify's budget of query costs is used up by this app. The run goes on when it has filled."
                raise Retryable(ErrorCode.RATE_LIMITED, text, {"url": self.url}, pause)
            wait(pause, self._link)
            waited, least = waited + pause, 2 * least
        if errors:
            raise self._meaning(errors)
        data = answer.get("data")
        if not isinstance(data, dict):
            text = f"The answer of {self.url} has no data: check that base_url is that of a shop."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"url": self.url})
        return data

    def must(self, query: str, /, **variables: Any) -> Json:
        """`ask` for queries that cannot be made smaller: raises only errors with which the run ends."""
        try:
            return self.ask(query, **variables)
        except Stumbled as error:
            raise error.error from error
        except TooDear as error:
            raise Permanent(ErrorCode.DATA_ERROR, f"Shopify does not take a query: {error}.", {}) from error

    # The budget ------------------------------------------------------------------------------------------------------

    def _until_affordable(self, query: str) -> float:
        """Seconds until the budget is enough for the query, as far as is known."""
        if self._left is None:
            return 0.0
        left = self._left + (steady_seconds() - self._at) * self._restored
        return max(0.0, (self._costs.get(query, 0.0) - left) / self._restored)

    def _note(self, query: str, answer: Json) -> None:
        cost = _mapping(_mapping(answer.get("extensions")).get("cost"))
        status = _mapping(cost.get("throttleStatus"))
        if isinstance(asked := cost.get("requestedQueryCost"), int | float):
            self._costs[query] = float(asked)
        if isinstance(left := status.get("currentlyAvailable"), int | float):
            self._left, self._at = float(left), steady_seconds()
        if isinstance(rate := status.get("restoreRate"), int | float) and rate > 0:
            self._restored = float(rate)

    # Errors ----------------------------------------------------------------------------------------------------------

    def _post(self, body: Json) -> Json:
        try:
            response = self._session.post(self.url, json=body)
        except RunError as error:
            raise self._in_its_words(error) from error.__cause__
        self._look_at_version(response)
        answer = response.json()
        if not isinstance(answer, dict):
            text = f"The answer of {self.url} is no object: check that base_url is that of a shop."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"url": self.url})
        return answer

    def _look_at_version(self, response: requests.Response) -> None:
        served = response.headers.get("X-Shopify-API-Version")
        if served and served != self.version and not self._told_version:
            self._told_version = True
            text = f"Shopify answers as of {served}, {self.version} is no longer served: set a newer api_version."
            self._link.log("api_version_served", text, {"asked": self.version, "served": served}, "warning")

    def _in_its_words(self, error: RunError) -> RunError:
        """The error for an answer that is no success, by this vendor's meaning of statuses."""
        status = error.details.get("statusCode")
        said = _said(str(error.details.get("body", "")))
        details = {"statusCode": status, "url": self.url} | ({"shopifyError": said} if said else {})
        quoted = f" ({said})" if said else ""
        if status == 401:
            text = f"Shopify refuses the access token{quoted}. Correct access_token in the connection's credentials."
            return Permanent(ErrorCode.AUTH_ERROR, text, details)
        if status == 402:
            text = f"Shopify has frozen the shop{quoted}: its owner has to settle what is owed. Then run again."
            return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
        if status == 403:
            text = f"Shopify permits the app nothing here{quoted}. Give it the access scopes that the tables need."
            return Permanent(ErrorCode.AUTH_ERROR, text, details)
        if status == 404:
            text = f"Shopify knows no such shop, or no version {self.version}. Check shop and api_version."
            return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
        if status == 423:
            text = f"Shopify has locked the shop{quoted}. Its owner has to ask Shopify's support."
            return Permanent(ErrorCode.CONNECTION_ERROR, text, details)
        if status == 430:
            text = "Shopify takes the requests for an attack, and refuses them for a while (430)."
            return Retryable(ErrorCode.RATE_LIMITED, text, details, 60.0)
        return error

    def _meaning(self, errors: list[Json]) -> Exception:
        codes = {_code(error) for error in errors}
        said = self._hidden.text("; ".join(dict.fromkeys(str(error.get("message", "")) for error in errors)))[:500]
        details: Json = {"url": self.url, "shopifyError": said}
        if "MAX_COST_EXCEEDED" in codes:
            told = next(_mapping(error.get("extensions")) for error in errors if _code(error) == "MAX_COST_EXCEEDED")
            return TooDear(_number(told.get("cost")), _number(told.get("maxCost")))
        if codes & {"ACCESS_DENIED", "UNAUTHORIZED", "FORBIDDEN"}:
            text = f"Shopify does not let the app read this: {said} Give the app that scope and install it again"
            text += "; what is personal is left out with personal_data: false."
            return Permanent(ErrorCode.AUTH_ERROR, text, details)
        if "SHOP_INACTIVE" in codes:
            return Permanent(ErrorCode.CONNECTION_ERROR, f"The shop is closed: {said} Its owner can open it.", details)
        if codes & set(_FAILURES):
            text = f"Shopify failed on a query: {said} If this lasts, ask its support."
            return Stumbled(Retryable(ErrorCode.CONNECTION_ERROR, text, details))
        text = (
            f"Shopify does not take a query: {said} Check api_version ({self.version}): its fields differ by version."
        )
        return Permanent(ErrorCode.DATA_ERROR, text, details)


def _errors(answer: Json) -> list[Json]:
    found = answer.get("errors")
    if isinstance(found, str):
        return [{"message": found}]
    return [one if isinstance(one, dict) else {"message": str(one)} for one in found or ()]


def _code(error: Mapping[str, Any]) -> str:
    return str(_mapping(error.get("extensions")).get("code", ""))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _said(body: str) -> str:
    """Shopify's own words in `errors` of an answer that is no success."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    said = found.get("errors") if isinstance(found, dict) else None
    return said[:300] if isinstance(said, str) else ""
