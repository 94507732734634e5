"""Reads orders and their items by both versions of the Orders API. The columns have the names of the newer version.

From version 2026-01-01 on an order has its items with it. With the older version the items of each order are requested.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.paged_source import Rows, Slice
from vai_extract_worker.progress import Json
from vai_extract_worker.vendors.amazon.quotas import Calls, listed
from vai_extract_worker.vendors.amazon.reports import iso

_LATEST = timedelta(minutes=3)
"""Amazon accepts no end that is later than two minutes before the request."""

_INCLUDED = "PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES"
"""The parts of an order that need no role for buyers' data."""


@dataclass(frozen=True)
class _Version:
    """The names in one version of the API. `rows` and `token` are paths in an answer, `more` further parameters."""

    operation: str
    path: str
    rows: tuple[str, ...]
    token: tuple[str, ...]
    after: str
    before: str
    marketplaces: str
    page: str
    order_id: str
    updated: str
    more: dict[str, str]


VERSIONS: Final = {
    "2026-01-01": _Version(
        "searchOrders",
        "/orders/2026-01-01/orders",
        ("orders",),
        ("pagination", "nextToken"),
        "lastUpdatedAfter",
        "lastUpdatedBefore",
        "marketplaceIds",
        "paginationToken",
        "orderId",
        "lastUpdatedTime",
        {"includedData": _INCLUDED, "maxResultsPerPage": "100"},
    ),
    "v0": _Version(
        "getOrders",
        "/orders/v0/orders",
        ("payload", "Orders"),
        ("payload", "NextToken"),
        "LastUpdatedAfter",
        "LastUpdatedBefore",
        "MarketplaceIds",
        "NextToken",
        "AmazonOrderId",
        "LastUpdateDate",
        {"MaxResultsPerPage": "100"},
    ),
}


class Orders:
    """`pages` gives the orders that were updated in a slice. A position is Amazon's token of the next page."""

    def __init__(self, calls: Calls, version: str) -> None:
        self._calls, self._says, self._is_old = calls, VERSIONS[version], version == "v0"

    def pages(self, part: Slice, marketplaces: Sequence[str]) -> Iterator[Rows | tuple[Rows, Json]]:
        says, begun = self._says, (part.position or {}).get("token")
        if part.start is not None and part.start >= now() - _LATEST:
            return
        token = begun
        asked = {says.marketplaces: ",".join(marketplaces), **says.more}
        if part.start is not None:
            asked[says.after] = iso(part.start)
        if part.end is not None:
            asked[says.before] = iso(min(part.end, now() - _LATEST))
        while True:
            orders, following = self._page(
                asked | ({says.page: token} if token else {}), token is begun and begun is not None
            )
            if following is not None and following == token:
                text = "Amazon gave the token of the same page of orders again; start the run again."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"operation": says.operation})
            rows = self._items(orders) if part.name == "order_items" else self._orders(orders)
            if following is None:
                yield rows
                return
            yield rows, {"token": following}
            token = following

    def _page(self, asked: Json, is_resumed: bool) -> tuple[list[Json], str | None]:
        try:
            said = self._calls.get(self._says.operation, self._says.path, asked)
        except Permanent as error:
            if is_resumed and error.details.get("statusCode") == 400:
                text = f"{error.message} The place in the list of orders where this run stopped no longer exists. "
                text += "Start a new run: it begins at the end of the last slice that is complete."
                raise Permanent(error.code, text, error.details) from error
            raise
        return listed(said, self._says.rows, self._says.operation), _at(said, self._says.token) or None

    def _orders(self, orders: list[Json]) -> Rows:
        return [
            self._keys(order) | {name: value for name, value in order.items() if name != "orderItems"}
            for order in orders
        ]

    def _items(self, orders: list[Json]) -> Rows:
        if not self._is_old:
            return [self._keys(order) | item for order in orders for item in order.get("orderItems") or ()]
        return [
            self._keys(order) | {"orderItemId" if name == "OrderItemId" else name: item[name] for name in item}
            for order in orders
            for item in self._asked_items(str(order[self._says.order_id]))
        ]

    def _asked_items(self, order_id: str) -> Iterator[Json]:
        params: Json = {}
        while True:
            said = self._calls.get("getOrderItems", f"/orders/v0/orders/{order_id}/orderItems", params)
            yield from listed(said, ("payload", "OrderItems"), "getOrderItems")
            token = _at(said, ("payload", "NextToken"))
            if not token or token == params.get("NextToken"):
                return
            params = {"NextToken": token}

    def _keys(self, order: Json) -> Json:
        return {"orderId": order.get(self._says.order_id), "lastUpdatedTime": order.get(self._says.updated)}


def _at(said: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return said
