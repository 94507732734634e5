"""Shopify: what an extraction may say, what its connection holds, and which tables there are."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from vai_records.definitions.dlt_extract import OwnTables
from vai_records.definitions.source_types import Json, ResourceType, Size, Slicing, SourceType, WrongConfig

VERSION: Final = "2026-07"
"""Of the Admin API; Shopify serves each for a year at least."""

API_VERSION: Final = r"^(20\d\d-(01|04|07|10)|unstable)$"
ApiVersion = Annotated[str, Field(pattern=API_VERSION, max_length=8)]


class Shopify(OwnTables):
    """The Admin API of a shop. Rows are told apart by the time of their update, never by their id."""

    source: Literal["shopify"]
    api_version: ApiVersion | None = Field(
        default=None, description=f"Of the Admin API; left out: the connection's api_version, else {VERSION}."
    )
    bulk: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Bulk operations; auto: where a large table is read for the first time or again, a week or more.",
    )
    personal_data: bool = Field(
        default=True,
        description="false: names, mail and addresses are not asked for; for apps without access to protected data.",
    )


_LAG: Final = 300.0
"""Seconds until a change is found by the vendor's searches: it tells no figure, and they follow its changes."""

_MONTH: Final = Slicing(days=30)
_MONEY: Final = "decimal(20, 4)"


def _times(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "timestamp")


def _money(*names: str) -> dict[str, str]:
    return {f"{name}{more}": _MONEY for name in names for more in ("", "_presentment")}


_WRITTEN: Final = _times("created_at", "updated_at")
_OF_ORDER: Final = _WRITTEN | _times("order_updated_at")


def _table(
    name: str, size: Size, columns: dict[str, str], description: str, cursor: str | None = "updated_at", *key: str
) -> ResourceType:
    """All share the vendor's one budget, which the answers tell."""
    return ResourceType(
        name, size, cursor, key or ("id",), description, columns=columns, bucket="admin",
        slicing=_MONTH if cursor else None, lag=_LAG if cursor else None,
    )  # fmt: skip


_LINE_PRICES: Final = _money(
    "original_unit_price", "discounted_unit_price", "original_total", "discounted_total", "total_discount"
)
_ORDER_PRICES: Final = _money(
    "total_price", "subtotal_price", "total_tax", "total_discounts", "total_shipping_price", "total_refunded",
    "current_total_price",
)  # fmt: skip
_ORDER_TIMES: Final = _times("processed_at", "cancelled_at", "closed_at")
_SHIPPED: Final = _times("delivered_at", "in_transit_at", "estimated_delivery_at")
_DELETED: Final = "Products and collections that were deleted, as far as the vendor tells: those of a year."
_OF_60_DAYS: Final = "Without the scope read_all_orders the vendor gives those of 60 days."

_TABLES: Final = (
    _table("locations", "XS", _WRITTEN, "Places with stock, also those that are closed.", None),
    _table("collections", "S", _WRITTEN, "Groups of products."),
    _table("deletions", "S", _times("created_at"), _DELETED, "created_at"),
    _table("products", "M", _WRITTEN | _times("published_at"), "With their options and range of prices."),
    _table(
        "product_variants", "L", _WRITTEN | dict.fromkeys(("price", "compare_at_price"), _MONEY), "What is sold."
    ),
    _table("inventory_items", "L", _WRITTEN | {"unit_cost": _MONEY}, "What is stocked of a variant, and its cost."),
    _table(
        "inventory_levels", "L", _WRITTEN, "Quantities of an item at a location.", "updated_at",
        "inventory_item_id", "location_id",
    ),
    _table("customers", "L", _WRITTEN | {"total_spent": _MONEY, "orders_count": "bigint"}, "With their main address."),
    _table("orders", "L", _WRITTEN | _ORDER_TIMES | _ORDER_PRICES, _OF_60_DAYS),
    _table(
        "refunds", "L", _OF_ORDER | _money("total_refunded"), "With the lines that they give back.", "order_updated_at"
    ),
    _table("fulfillments", "L", _OF_ORDER | _SHIPPED, "Shipments, with tracking and lines.", "order_updated_at"),
    _table(
        "transactions", "XL", _OF_ORDER | _times("processed_at") | _money("amount"), "Payments, captures, refunds.",
        "order_updated_at",
    ),
    _table("order_line_items", "XL", _OF_ORDER | _LINE_PRICES, "Each line of each order.", "order_updated_at"),
)  # fmt: skip

_SHOP_NAME: Final = re.compile(r"(?:https://)?([A-Za-z0-9][A-Za-z0-9-]{0,99})(?:\.myshopify\.com)?/?")
TEST_PATH: Final = f"/admin/api/{VERSION}/shop.json"
"""Any token of the shop opens it."""


def completed(config: Mapping[str, Any]) -> Json:
    """With the shop's address. Raises `WrongConfig`."""
    found = dict(config)
    shop, version = found.get("shop"), found.get("api_version")
    if shop is not None and not (isinstance(shop, str) and _SHOP_NAME.fullmatch(shop)):
        raise WrongConfig("shop is what stands before .myshopify.com, such as corner", "shop")
    if version is not None and not (isinstance(version, str) and re.fullmatch(API_VERSION, version)):
        raise WrongConfig(f"api_version is a version of the Admin API, such as {VERSION}", "api_version")
    if shop is None and not found.get("base_url"):
        return found
    if found.get("base_url") is None:
        known = _SHOP_NAME.fullmatch(str(shop))
        found["base_url"] = f"https://{known[1] if known else shop}.myshopify.com"
    return {"test_path": TEST_PATH} | found


_SHOP: Final = {
    "description": "Which shop: corner, or corner.myshopify.com.",
    "type": "string",
    "pattern": f"^{_SHOP_NAME.pattern}$",
}
_TOKEN: Final = {"description": "The Admin API's access token of an app in the shop: shpat_…", "type": "string"}

SOURCE: Final = SourceType(
    Shopify,
    "Shopify",
    "A shop's orders, products, customers and stock, through the GraphQL Admin API and its bulk operations.",
    "vai_extract_worker.vendors.shopify.source:Shopify",
    config={
        "type": "object",
        "properties": {
            "shop": _SHOP,
            "api_version": {"description": f"Of the Admin API; left out: {VERSION}.", "default": VERSION},
            "base_url": {"description": "Another address than the shop's: a proxy's, or a test server's."},
        },
    },
    credentials={"type": "object", "required": ["access_token"], "properties": {"access_token": _TOKEN}},
    resources=_TABLES,
    defaults={"auth": {"type": "api_key", "name": "X-Shopify-Access-Token"}},
    completed=completed,
    test_path=TEST_PATH,
)
