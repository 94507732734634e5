"""The source `amazon_sp_api`: what a seller has at Amazon, by the Selling Partner API."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from vai_records.definitions.dlt_extract import OwnTables
from vai_records.definitions.source_types import ResourceType, Slicing, SourceType
from vai_records.definitions.sources.amazon_places import completed, marketplace_id, region_of
from vai_records.strict import Number

REPORT_SECONDS: Final = 65.0
"""Document 000, "Rate Limiting"."""


def _of_one_region(given: list[str]) -> list[str]:
    region_of([marketplace_id(one) for one in given])
    return given


Marketplaces = Annotated[
    list[Annotated[str, Field(max_length=40)]], Field(min_length=1, max_length=30), AfterValidator(_of_one_region)
]


class AmazonSpApi(OwnTables):
    """Orders by the Orders API, the rest by reports that Amazon makes on request: docs/vendors.md."""

    source: Literal["amazon_sp_api"]
    slice_days: Number | None = Field(
        default=None, gt=0, le=31, description="How much time a slice takes; a report of Amazon's has a month at most."
    )
    marketplaces: Marketplaces | None = Field(
        default=None,
        description="Countries or ids; left out: those of the connection's config, else all in which the seller sells.",
    )
    orders_version: Literal["2026-01-01", "v0"] = Field(
        default="2026-01-01", description="Of the Orders API. Amazon ends v0 on 27 March 2027."
    )
    report_interval_seconds: Number = Field(
        default=REPORT_SECONDS,
        ge=0,
        le=3600,
        description="Least time between two requests for a report: Amazon allows one a minute.",
    )
    report_poll_seconds: Number = Field(
        default=15.0, ge=0.05, le=600, description="How often it is asked whether a report is ready; longer by and by."
    )
    report_wait_seconds: Number = Field(
        default=7200.0,
        gt=0,
        le=86_400,
        description="How long a report is waited for; the next attempt goes on waiting.",
    )


_MONEY = "decimal(18,4)"
_ORDER_LINE: Final = {
    "purchase_date": "timestamp",
    "last_updated_date": "timestamp",
    "quantity": "bigint",
    "item_price": _MONEY,
    "item_tax": _MONEY,
    "shipping_price": _MONEY,
    "shipping_tax": _MONEY,
}

SOURCE = SourceType(
    AmazonSpApi,
    "Amazon Selling Partner API",
    "Orders and their items, and reports: all orders by update, listings, FBA stock and returns, settlements.",
    "vai_extract_worker.vendors.amazon.source:AmazonSource",
    config={
        "type": "object",
        "properties": {
            "region": {"enum": ["na", "eu", "fe"], "description": "Where the account is; told by marketplaces, too."},
            "marketplaces": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Countries (DE) or ids; left out: all in which the seller sells.",
            },
            "base_url": {"description": "Of the API; left out: the region's. A sandbox, or a proxy of your own."},
            "auth": {"description": "access_token_url: where tokens are got; left out: Login with Amazon."},
        },
    },
    credentials={
        "type": "object",
        "required": ["client_id", "client_secret", "refresh_token"],
        "properties": {
            "client_id": {"description": "Of the app: LWA client identifier."},
            "client_secret": {"description": "Of the app: LWA client secret."},
            "refresh_token": {"description": "Of the seller's authorisation of the app: Atzr|…"},
        },
    },
    completed=completed,
    resources=(
        ResourceType(
            "fba_inventory",
            "S",
            primary_key=("marketplace_id", "sku"),
            description="FBA stock, by marketplace (report)",
            seconds_between_requests=REPORT_SECONDS,
            columns={"afn_fulfillable_quantity": "bigint", "afn_total_quantity": "bigint", "your_price": _MONEY},
        ),
        ResourceType(
            "merchant_listings",
            "M",
            primary_key=("marketplace_id", "seller_sku"),
            description="All listings, by marketplace (report)",
            seconds_between_requests=REPORT_SECONDS,
            columns={"price": _MONEY, "quantity": "bigint"},
        ),
        ResourceType(
            "settlements",
            "M",
            "report_created_time",
            ("report_id", "line"),
            "Settlements of the last 90 days, as Amazon makes them (reports)",
            slicing=Slicing(30),
            columns={"line": "bigint"},
        ),
        ResourceType(
            "fba_returns",
            "M",
            "return_date",
            description="FBA returns (report); the last three days are read again, since returns come late",
            slicing=Slicing(30),
            lag=3 * 86_400.0,
            seconds_between_requests=REPORT_SECONDS,
            columns={"return_date": "timestamp", "quantity": "bigint"},
        ),
        ResourceType(
            "orders",
            "L",
            "lastUpdatedTime",
            ("orderId",),
            "Orders, by their last update; one comes again whenever it changes",
            slicing=Slicing(90),
            columns={"createdTime": "timestamp", "lastUpdatedTime": "timestamp"},
        ),
        ResourceType(
            "all_orders",
            "L",
            "last_updated_date",
            description="Order lines by the order's last update (report): cheaper than the Orders API for many orders",
            slicing=Slicing(30),
            lag=3_600.0,
            seconds_between_requests=REPORT_SECONDS,
            columns=_ORDER_LINE,
        ),
        ResourceType(
            "order_items",
            "XL",
            "lastUpdatedTime",
            ("orderId", "orderItemId"),
            "The items of orders, with the order's time of update",
            slicing=Slicing(90),
            columns={"lastUpdatedTime": "timestamp"},
        ),
    ),
)
