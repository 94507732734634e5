"""The HTTP side: addresses, versions, tokens, the budget of costs, and faults that a test asks for."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from graphql import DocumentNode, GraphQLError, GraphQLSyntaxError, parse
from graphql import validate as faults_of

from vai_common.clock import steady_seconds
from vai_testkit.servers.json_api import Ask, FakeApi, Say, serving
from vai_testkit.vendors.shopify.bulk import Operations
from vai_testkit.vendors.shopify.executing import SCHEMA, Asked, cost_of, run
from vai_testkit.vendors.shopify.shop import Shop

Json = dict[str, Any]

TOKEN: Final = "shpat_00000000000000000000000000000000"
VERSIONS: Final = ("2026-01", "2026-04", "2026-07", "2026-10")
MOST_COST: Final = 1_000
_DATED: Final = re.compile(r"\d{4}-(01|04|07|10)")


@dataclass
class ShopifyServer:
    """A shop behind HTTP. `say` are answers to the next requests instead of the shop's own, `throttles` how many of
    the next queries come too soon; `denied` has the scopes that are missing: {"QueryRoot.orders": "read_orders"}."""

    shop: Shop
    api: FakeApi
    maximum: float = 2_000.0
    restore: float = 1_000_000.0
    denied: dict[str, str] = field(default_factory=dict)
    say: list[Say] = field(default_factory=list)
    throttles: int = 0
    throttled: int = 0
    queries: list[Json] = field(default_factory=list)
    broken_downloads: int = 0
    old_links: int = 0
    _left: float = 2_000.0
    _seen: float = field(default_factory=steady_seconds)

    def __post_init__(self) -> None:
        self.bulk = Operations(self.shop, self.denied, self.api.url)
        self.api.default = self.answer

    @property
    def url(self) -> str:
        return self.api.url

    def asked_with(self, word: str) -> list[Json]:
        """The queries so far that have a word."""
        return [one for one in self.queries if word in one["query"]]

    def answer(self, ask: Ask) -> Say:
        if ask.path.startswith("/bulk/"):
            return self._file(ask)
        parts = re.fullmatch(r"/admin/api/([^/]+)/(graphql|shop)\.json", ask.path)
        if parts is None or not (_DATED.fullmatch(parts[1]) or parts[1] == "unstable"):
            return Say({"errors": "Not Found"}, 404)
        if self.say:
            return self.say.pop(0)
        # A version that is no longer served is answered by the oldest one that is.
        served = parts[1] if parts[1] in VERSIONS or parts[1] == "unstable" else VERSIONS[0]
        if ask.headers.get("x-shopify-access-token") != TOKEN:
            fault = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return Say({"errors": fault}, 401, {"X-Shopify-API-Version": served})
        body = self._shop() if parts[2] == "shop" else self._graphql(ask)
        return Say(body, 200, {"X-Shopify-API-Version": served, "X-Request-Id": "r-1"})

    def _shop(self) -> Json:
        return {"shop": {"id": 1, "name": self.shop.name, "myshopify_domain": self.shop.domain, "currency": "EUR"}}

    def _graphql(self, ask: Ask) -> Json:
        asked: Json = ask.json
        query, variables = asked.get("query") or "", asked.get("variables") or {}
        self.queries.append({"query": query, "variables": variables})
        try:
            document, faults = _read(query)
        except GraphQLSyntaxError as error:
            return {"errors": [{"message": f"syntax error: {error.message}", "extensions": {"code": "PARSE_ERROR"}}]}
        if faults:
            return {"errors": [_fault(error, "undefinedField") for error in faults]}
        price = cost_of(document, variables)
        if price > MOST_COST:
            return {"errors": [_too_dear(price)]}
        if self._is_short_of(price):
            self.throttled += 1
            return {"errors": [_throttled()], "extensions": {"cost": self._told(price, None)}}
        extra: dict[str, Callable[..., Any]] = {
            "bulkOperationRunQuery": self.bulk.start,
            "bulkOperationCancel": self.bulk.cancel,
            "currentBulkOperation": lambda type=None: self.bulk.current(),
        }
        if "BulkOperation" in str(variables.get("id", "")):
            extra["node"] = self.bulk.look
        found = run(document, variables, Asked(self.shop, self.denied, extra=extra))
        answer: Json = {"data": found.data, "extensions": {"cost": self._told(price, price)}}
        if found.errors:
            answer["errors"] = [_fault(error, "INTERNAL_SERVER_ERROR") for error in found.errors]
        return answer

    # The budget of costs ---------------------------------------------------------------------------------------------

    def _is_short_of(self, price: int) -> bool:
        moment = steady_seconds()
        self._left = min(self.maximum, self._left + (moment - self._seen) * self.restore)
        self._seen = moment
        if self.throttles:
            self.throttles -= 1
            return True
        if self._left < price:
            return True
        self._left -= price
        return False

    def _told(self, price: int, actual: int | None) -> Json:
        status = {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": float(int(self._left)),
            "restoreRate": self.restore,
        }
        return {"requestedQueryCost": price, "actualQueryCost": actual, "throttleStatus": status}

    # Files of bulk operations ----------------------------------------------------------------------------------------

    def _file(self, ask: Ask) -> Say:
        number = int(ask.path.removeprefix("/bulk/").removesuffix(".jsonl"))
        if self.old_links:
            self.old_links -= 1
            return Say(None, 403, raw=b"<Error><Code>ExpiredToken</Code></Error>")
        body = self.bulk.known[number - 1].file
        first = int((re.match(r"bytes=(\d+)-", ask.headers.get("range", "")) or ["", "0"])[1])
        part = body[first:]
        headers = {"Content-Type": "application/jsonl", "Content-Length": str(len(part))}
        if self.broken_downloads:
            self.broken_downloads -= 1
            return Say(None, 206 if first else 200, headers | {"Connection": "close"}, raw=part[: len(part) // 2])
        return Say(None, 206 if first else 200, headers, raw=part)


@lru_cache(256)
def _read(query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """A query and what is wrong with it; the same ones come again and again."""
    document = parse(query)
    return document, faults_of(SCHEMA, document)


def _fault(error: GraphQLError, code: str) -> Json:
    places = [{"line": one.line, "column": one.column} for one in error.locations or ()]
    told = {"message": error.message, "locations": places, "extensions": error.extensions or {"code": code}}
    return told | ({"path": list(error.path)} if error.path else {})


def _throttled() -> Json:
    return {
        "message": "Throttled",
        "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
    }


def _too_dear(price: int) -> Json:
    message = f"Query cost is {price}, which exceeds the single query max cost limit ({MOST_COST})."
    documentation = "https://shopify.dev/api/usage/rate-limits"
    return {
        "message": message,
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": price,
            "maxCost": MOST_COST,
            "documentation": documentation,
        },
    }


@contextmanager
def serving_shopify(shop: Shop | None = None) -> Iterator[ShopifyServer]:
    """A shop that listens until the block is left."""
    with serving() as api:
        yield ShopifyServer(shop or Shop.stocked(), api)
