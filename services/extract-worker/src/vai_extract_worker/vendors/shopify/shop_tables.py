"""The query of each table: where its rows are, which fields they have, and how many are requested at a time."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Final

from vai_extract_worker.vendors.shopify.selections import Columns, Part, read, snake

_NONE: Final = MappingProxyType[str, str]({})
_BAG: Final = "{ shopMoney { amount } presentmentMoney { amount } }"
_MONEY: Final = "{ amount currencyCode }"
_ADDRESS: Final = (
    "{ firstName lastName company address1 address2 city province provinceCode country countryCodeV2 zip phone }"
)


@dataclass(frozen=True)
class Shape:
    """A table.

    `root` is the query's field, `ordering` its fixed arguments, `time` the word of its search that bounds the time
    (""; it has none), `search` what else is searched for. The rows are the root's own, or those of its `child` (a
    connection, or a list), of the GraphQL type `kind`; `parent` is asked of the root and goes with each row.
    `inner` is a connection within a row. `time_at` says whose search the time is: the child's, or the root's.

    `personal` are fields that only an app with access to protected customer data may read. `in_bulk`: a bulk operation
    can answer it. `first` rows of the root, and `within` of each connection in it, are asked for at a time.
    """

    root: str
    kind: str
    asked: str
    ordering: str = ""
    time: str = "updated_at"
    time_at_child: bool = False
    search: str = ""
    child: str = ""
    child_is_list: bool = False
    parent: str = ""
    parent_kind: str = ""
    inner: str = ""
    inner_asked: str = ""
    on: str = ""
    personal: frozenset[str] = frozenset()
    names: "MappingProxyType[str, str]" = field(default_factory=lambda: _NONE)
    in_bulk: bool = True
    first: int = 250
    within: int = 50

    @cached_property
    def _all(self) -> tuple[Part, ...]:
        return read(self.asked)

    def by_id(self) -> "Shape":
        """Ordered by a value that never changes, so that a row that is updated during the extraction keeps its
        place.
        """
        return replace(self, ordering=self.ordering.replace(_ORDER_BY_TIME, "sortKey: ID"))

    def parts(self, personal: bool) -> tuple[Part, ...]:
        """The selection of a row."""
        return tuple(part for part in self._all if personal or part.name not in self.personal)

    def columns(self, personal: bool) -> Columns:
        """Those of `parts`, and of the connection inside a row."""
        return self._columns[personal]

    @cached_property
    def _columns(self) -> dict[bool, Columns]:
        inner = (Part(self.inner, "", read(self.inner_asked)),) if self.inner else ()
        return {personal: Columns((*self.parts(personal), *inner), self.names) for personal in (True, False)}

    @cached_property
    def parent_columns(self) -> dict[str, str]:
        """The columns of the fields of `parent`, which each row has, by field."""
        return {part.name: f"{self.on}_{snake(part.name)}" for part in read(self.parent)}


_ORDER_BY_TIME: Final = "sortKey: UPDATED_AT"

SHAPES: Final = {
    "orders": Shape(
        "orders", "Order",
        f"""id name createdAt updatedAt processedAt cancelledAt cancelReason closedAt confirmed test email phone
        currencyCode presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus sourceName tags note
        taxesIncluded totalPriceSet {_BAG} subtotalPriceSet {_BAG} totalTaxSet {_BAG} totalDiscountsSet {_BAG}
        totalShippingPriceSet {_BAG} totalRefundedSet {_BAG} currentTotalPriceSet {_BAG} customer {{ id }}
        shippingAddress {_ADDRESS} billingAddress {_ADDRESS} customAttributes {{ key value }}""",
        ordering=_ORDER_BY_TIME,
        personal=frozenset(("email", "phone", "customer", "shippingAddress", "billingAddress")),
        names=MappingProxyType(
            {"displayFinancialStatus": "financial_status", "displayFulfillmentStatus": "fulfillment_status"}
        ),
        first=100,
    ),
    "order_line_items": Shape(
        "orders", "LineItem",
        f"""id name title variantTitle sku vendor quantity currentQuantity unfulfilledQuantity requiresShipping taxable
        isGiftCard originalUnitPriceSet {_BAG} discountedUnitPriceSet {_BAG} originalTotalSet {_BAG}
        discountedTotalSet {_BAG} totalDiscountSet {_BAG} product {{ id }} variant {{ id }}
        customAttributes {{ key value }}""",
        ordering=_ORDER_BY_TIME, child="lineItems", parent="id updatedAt", parent_kind="Order", on="order",
        first=25, within=20,
    ),
    "refunds": Shape(
        "orders", "Refund", f"id createdAt updatedAt note totalRefundedSet {_BAG}",
        ordering=_ORDER_BY_TIME, child="refunds", child_is_list=True, parent="id updatedAt", parent_kind="Order",
        on="order", inner="refundLineItems",
        inner_asked=f"id quantity restockType lineItem {{ id }} subtotalSet {_BAG} totalTaxSet {_BAG}",
        in_bulk=False, first=50, within=20,
    ),
    "transactions": Shape(
        "orders", "OrderTransaction",
        f"""id kind status gateway createdAt processedAt test amountSet {_BAG} errorCode parentTransaction {{ id }}
        paymentId authorizationCode""",
        ordering=_ORDER_BY_TIME, child="transactions", child_is_list=True, parent="id updatedAt", parent_kind="Order",
        on="order", names=MappingProxyType({"parentTransaction": "parent"}),
    ),
    "fulfillments": Shape(
        "orders", "Fulfillment",
        """id name status displayStatus createdAt updatedAt deliveredAt inTransitAt estimatedDeliveryAt totalQuantity
        requiresShipping trackingInfo { company number url } location { id }""",
        ordering=_ORDER_BY_TIME, child="fulfillments", child_is_list=True, parent="id updatedAt", parent_kind="Order",
        on="order", inner="fulfillmentLineItems", inner_asked="id quantity lineItem { id }",
        in_bulk=False, first=50, within=20,
    ),
    "products": Shape(
        "products", "Product",
        f"""id title handle status vendor productType tags createdAt updatedAt publishedAt descriptionHtml
        totalInventory tracksInventory isGiftCard templateSuffix options {{ id name position values }}
        priceRangeV2 {{ minVariantPrice {_MONEY} maxVariantPrice {_MONEY} }}""",
        ordering=_ORDER_BY_TIME, names=MappingProxyType({"priceRangeV2": "price_range"}),
    ),
    "product_variants": Shape(
        "productVariants", "ProductVariant",
        """id title displayName sku barcode price compareAtPrice position createdAt updatedAt inventoryQuantity
        inventoryPolicy taxable availableForSale selectedOptions { name value } product { id } inventoryItem { id }""",
        ordering="sortKey: ID",
    ),
    "collections": Shape(
        "collections", "Collection",
        """id title handle updatedAt sortOrder descriptionHtml templateSuffix
        ruleSet { appliedDisjunctively rules { column relation condition } } productsCount { count }""",
        ordering=_ORDER_BY_TIME,
    ),
    "customers": Shape(
        "customers", "Customer",
        f"""id createdAt updatedAt firstName lastName displayName defaultEmailAddress {{ emailAddress marketingState }}
        defaultPhoneNumber {{ phoneNumber }} numberOfOrders amountSpent {_MONEY} state tags note taxExempt
        verifiedEmail locale defaultAddress {_ADDRESS}""",
        ordering=_ORDER_BY_TIME,
        personal=frozenset(
            ("firstName", "lastName", "displayName", "defaultEmailAddress", "defaultPhoneNumber", "defaultAddress")
        ),
        names=MappingProxyType(
            {
                "amountSpent": "total_spent", "numberOfOrders": "orders_count",
                "defaultEmailAddress.emailAddress": "email", "defaultPhoneNumber.phoneNumber": "phone",
                "defaultEmailAddress.marketingState": "email_marketing_state",
            }
        ),
    ),
    "inventory_items": Shape(
        "inventoryItems", "InventoryItem",
        f"""id sku tracked requiresShipping createdAt updatedAt unitCost {_MONEY} countryCodeOfOrigin
        provinceCodeOfOrigin harmonizedSystemCode""",
    ),
    "inventory_levels": Shape(
        "locations", "InventoryLevel",
        """id createdAt updatedAt item { id } location { id }
        quantities(names: ["available", "on_hand", "committed", "incoming", "reserved"]) { name quantity }""",
        ordering="sortKey: ID, includeInactive: true", child="inventoryLevels", time_at_child=True, parent="id",
        parent_kind="Location", names=MappingProxyType({"item": "inventory_item"}), first=5, within=100,
    ),
    "locations": Shape(
        "locations", "Location",
        """id name isActive fulfillsOnlineOrders hasActiveInventory shipsInventory createdAt updatedAt
        address { address1 address2 city country countryCode province provinceCode zip phone }""",
        ordering="sortKey: ID, includeInactive: true", time="", in_bulk=False,
    ),
    "deletions": Shape(
        "events", "BasicEvent", "id action createdAt message subjectId subjectType",
        ordering="sortKey: CREATED_AT", time="created_at", in_bulk=False,
        search="action:destroy AND (subject_type:PRODUCT OR subject_type:COLLECTION)",
    ),
}  # fmt: skip
