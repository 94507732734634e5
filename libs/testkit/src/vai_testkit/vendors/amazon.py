"""Amazon's Selling Partner API on loopback: Login with Amazon, orders of both versions, reports, quotas.

What it answers is held against two SDKs by `tools/check_amazon_server.py`. Facts: the models of which `amzn-sp-api`
was made, and https://developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits-in-the-sp-api.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs

from vai_testkit.servers.json_api import Ask, FakeApi, Say, serving
from vai_testkit.vendors.amazon_data import Shop
from vai_testkit.vendors.amazon_reports import Refused, Reports
from vai_testkit.vendors.server_time import ServerTime

Json = dict[str, Any]

TOKEN_PATH: Final = "/auth/o2/token"
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
"""Of each operation requests per second, and how many may come at once."""

_INCLUDED = frozenset(
    ("BUYER", "RECIPIENT", "FULFILLMENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "PACKAGES")
)
_TOKEN_HOURS = timedelta(hours=24)
_LATEST = timedelta(minutes=2)
"""Orders can be asked for up to two minutes before the request."""


@dataclass
class _Bucket:
    room: float
    at: datetime


@dataclass
class AmazonServer:
    """One selling partner. `refused` are operations that the app has no role for; `at` a hook before each answer.

    `asked` counts the requests of each operation, `throttled` the answers 429; `spacing` has when each one came.
    """

    api: FakeApi
    time: ServerTime = field(default_factory=ServerTime)
    client_id: str = "amzn1.application-oa2-client.test"
    client_secret: str = "amzn1.oa2-cs.v1.secret-of-the-test"
    refresh_tokens: set[str] = field(default_factory=lambda: {"Atzr|refresh-token-of-the-test"})
    token_seconds: float = 3600.0
    refused: set[str] = field(default_factory=set)
    marketplaces: list[tuple[str, str]] = field(default_factory=lambda: [("ATVPDKIKX0DER", "US")])
    throttled: list[str] = field(default_factory=list)
    came: dict[str, list[datetime]] = field(default_factory=dict)
    at: Callable[[str, Ask], Say | None] = field(default=lambda operation, ask: None)
    page_size: int = 100
    quotas: bool = True

    def __post_init__(self) -> None:
        self.shop = Shop(self.time.now())
        self.reports = Reports(self.api, self.time, self.shop)
        self._given: dict[str, datetime] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._pages: dict[str, tuple[Json, int, datetime]] = {}
        self.api.default = self._answer

    @property
    def credentials(self) -> dict[str, str]:
        """What a connection holds."""
        (token, *_) = sorted(self.refresh_tokens)
        return {"client_id": self.client_id, "client_secret": self.client_secret, "refresh_token": token}

    @property
    def token_url(self) -> str:
        return self.api.url + TOKEN_PATH

    def asked(self, operation: str) -> int:
        return len(self.came.get(operation, []))

    def new_token(self) -> str:
        """An access token that is good for `token_seconds` of this server's time."""
        text = f"Atza|access-token-{len(self._given) + 1:04d}"
        self._given[text] = self.time.now() + timedelta(seconds=self.token_seconds)
        return text

    def expire_tokens(self) -> None:
        self._given = {text: self.time.now() for text in self._given}

    # One request ----------------------------------------------------------------------------------------------------

    def _answer(self, ask: Ask) -> Say:
        if ask.path == TOKEN_PATH:
            return self._token(ask)
        if ask.path.startswith("/documents/"):
            return self.reports.download(ask)
        operation, argument = _operation(ask)
        if operation is None:
            return _error(404, "NotFound", "The requested resource doesn't exist.")
        if (why := self._unauthorised(ask)) is not None:
            return _error(403, "Unauthorized", "Access to requested resource is denied.", why)
        if operation in self.refused:
            return _error(403, "Unauthorized", "Access to requested resource is denied.")
        self.came.setdefault(operation, []).append(self.time.now())
        rate, _ = PLANS[operation]
        headers = {"x-amzn-RateLimit-Limit": str(rate), "x-amzn-RequestId": f"request-{len(self.api.asked)}"}
        if not self._has_room(operation):
            self.throttled.append(operation)
            said = _error(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        else:
            said = self.at(operation, ask) or self._perform(operation, argument, ask)
        said.headers = {**headers, **said.headers}
        return said

    def _perform(self, operation: str, argument: str, ask: Ask) -> Say:
        try:
            return Say(getattr(self, f"_{operation}")(argument, ask), 202 if operation == "createReport" else 200)
        except Refused as refused:
            return _error(refused.status, refused.code, str(refused))

    def _unauthorised(self, ask: Ask) -> str | None:
        token = ask.headers.get("x-amz-access-token")
        if not token:
            return "Access token is missing in the request header."
        if token not in self._given:
            return "The access token you provided is revoked, malformed or invalid."
        if self._given[token] <= self.time.now():
            return "The access token you provided has expired."
        return None

    def _has_room(self, operation: str) -> bool:
        rate, burst = PLANS[operation]
        if not self.quotas:
            return True
        now = self.time.now()
        bucket = self._buckets.setdefault(operation, _Bucket(burst, now))
        bucket.room = min(burst, bucket.room + (now - bucket.at).total_seconds() * rate)
        bucket.at = now
        if bucket.room < 1:
            return False
        bucket.room -= 1
        return True

    # Login with Amazon ----------------------------------------------------------------------------------------------

    def _token(self, ask: Ask) -> Say:
        form = {name: values[-1] for name, values in parse_qs(ask.body.decode()).items()}
        if (said := self.at("token", ask)) is not None:
            return said
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            return Say({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if form.get("grant_type") != "refresh_token":
            return Say({"error": "unsupported_grant_type", "error_description": "The grant type is not supported"}, 400)
        if form.get("refresh_token") not in self.refresh_tokens:
            text = "The request has an invalid grant parameter : refresh_token"
            return Say({"error": "invalid_grant", "error_description": text}, 400)
        answer = {"access_token": self.new_token(), "refresh_token": form["refresh_token"], "token_type": "bearer"}
        return Say({**answer, "expires_in": int(self.token_seconds)})

    # Orders ---------------------------------------------------------------------------------------------------------

    def _getMarketplaceParticipations(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        shown = [
            {
                "marketplace": {
                    "id": one,
                    "countryCode": country,
                    "name": f"Amazon.{country.lower()}",
                    "defaultCurrencyCode": "USD",
                    "defaultLanguageCode": "en_US",
                    "domainName": f"www.amazon.{country.lower()}",
                },
                "storeName": "The test's",
                "participation": {"isParticipating": True, "hasSuspendedListings": False},
            }
            for one, country in self.marketplaces
        ]
        return {"payload": shown}

    def _searchOrders(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        if unknown := set(filter(None, ask.query.get("includedData", "").split(","))) - _INCLUDED:
            raise Refused("InvalidInput", f"includedData has {sorted(unknown)[0]}, which is not one of its values.")
        names = ("lastUpdatedAfter", "lastUpdatedBefore", "marketplaceIds", "paginationToken", "maxResultsPerPage")
        rows, token, before = self._orders(ask, names)
        said: Json = {"orders": rows, "lastUpdatedBefore": _iso(before)}
        return said | ({"pagination": {"nextToken": token}} if token else {})

    def _getOrders(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        names = ("LastUpdatedAfter", "LastUpdatedBefore", "MarketplaceIds", "NextToken", "MaxResultsPerPage")
        rows, token, before = self._orders(ask, names)
        said: Json = {"Orders": [self.shop.as_v0(row) for row in rows], "LastUpdatedBefore": _iso(before)}
        return {"payload": said | ({"NextToken": token} if token else {})}

    def _getOrderItems(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        order = next((one for one in self.shop.orders if one["orderId"] == argument), None)
        if order is None:
            raise Refused("NotFound", "The requested resource doesn't exist.", 404)
        return {"payload": {"AmazonOrderId": argument, "OrderItems": self.shop.items_as_v0(order)}}

    def _orders(self, ask: Ask, names: tuple[str, ...]) -> tuple[list[Json], str | None, datetime]:
        after, before, marketplaces, token, most = (ask.query.get(name) for name in names)
        now, first = self.time.now(), 0
        if token is not None:
            if token not in self._pages or self._pages[token][2] + _TOKEN_HOURS < now:
                raise Refused("InvalidInput", f"{names[3]} is invalid or has expired.")
            saved, first, _ = self._pages[token]
            after, before, marketplaces = saved["after"], saved["before"], saved["marketplaces"]
        if not marketplaces or not after:
            raise Refused("InvalidInput", f"{names[0]} and {names[2]} are required.")
        until = _moment(before) if before else now - _LATEST
        if until > now - _LATEST:
            raise Refused("InvalidInput", f"{names[1]} must be no later than two minutes before the request.")
        if _moment(after) > until:
            raise Refused("InvalidInput", f"{names[0]} must be before {names[1]}.")
        size = min(int(most or self.page_size), self.page_size)
        wanted = [
            order
            for order in self.shop.orders
            if _moment(after) <= _moment(order["lastUpdatedTime"]) <= until
            and order["salesChannel"]["marketplaceId"] in marketplaces.split(",")
        ]
        if first + size >= len(wanted):
            return wanted[first:], None, until
        following = f"page+token/{len(self._pages)}=="
        saved = {"after": after, "before": _iso(until), "marketplaces": marketplaces}
        self._pages[following] = (saved, first + size, now)
        return wanted[first : first + size], following, until

    # Reports --------------------------------------------------------------------------------------------------------

    def _createReport(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        return self.reports.create(ask.json)

    def _getReports(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        return self.reports.listed(ask.repeated)

    def _getReport(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        return self.reports.one(argument)

    def _getReportDocument(self, argument: str, ask: Ask) -> Json:  # noqa: N802 - the vendor's name
        return self.reports.document(argument)


@contextmanager
def amazon(pace: float = 1.0) -> Iterator[AmazonServer]:
    """A server that listens until the block is left; its time goes `pace` times as fast as ours (0: as a test says)."""
    with serving() as api:
        yield AmazonServer(api, ServerTime(pace))


def _operation(ask: Ask) -> tuple[str | None, str]:
    reports, orders = "/reports/2021-06-30/reports", "/orders/v0/orders"
    one, _, rest = ask.path.removeprefix(f"{orders}/").partition("/")
    match ask.method, ask.path:
        case "GET", "/sellers/v1/marketplaceParticipations":
            return "getMarketplaceParticipations", ""
        case "GET", "/orders/2026-01-01/orders":
            return "searchOrders", ""
        case "GET", path if path == orders:
            return "getOrders", ""
        case "GET", path if path.startswith(f"{orders}/") and rest == "orderItems":
            return "getOrderItems", one
        case "POST", path if path == reports:
            return "createReport", ""
        case "GET", path if path == reports:
            return "getReports", ""
        case "GET", path if path.startswith(f"{reports}/"):
            return "getReport", path.rpartition("/")[2]
        case "GET", path if path.startswith("/reports/2021-06-30/documents/"):
            return "getReportDocument", path.rpartition("/")[2]
    return None, ""


def _error(status: int, code: str, message: str, details: str = "") -> Say:
    body = {"errors": [{"code": code, "message": message, "details": details}]}
    return Say(raw=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"})


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused("InvalidInput", f"{text} is not a time of ISO 8601.") from error
    if found.tzinfo is None:
        raise Refused("InvalidInput", f"{text} has no time zone.")
    return found


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
