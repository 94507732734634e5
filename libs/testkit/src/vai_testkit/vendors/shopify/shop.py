"""What a shop holds: the same numbers give the same rows. Many share the second of their update, as after an import."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Json = dict[str, Any]

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STATES: Final = ("PAID", "PENDING", "PARTIALLY_REFUNDED", "REFUNDED")
MANY: Final = 60
"""Line items of a large order: more than come with the order itself."""


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def written(moment: datetime) -> str:
    """As the vendor writes it: whole seconds, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def bag(amount: str, presented: str | None = None) -> Json:
    return {
        "shopMoney": {"amount": amount, "currencyCode": "EUR"},
        "presentmentMoney": {"amount": presented or amount, "currencyCode": "USD" if presented else "EUR"},
    }


@dataclass
class Shop:
    """Rows by the name of their root field; tests change them as people change a shop."""

    name: str = "Corner shop"
    domain: str = "corner.myshopify.com"
    rows: dict[str, list[Json]] = field(default_factory=dict)

    @classmethod
    def stocked(cls, orders: int = 60, products: int = 12, customers: int = 20, same_second: int = 25) -> "Shop":
        """`same_second` rows in a row were updated in one second; the next ones an hour later."""
        shop = cls()
        shop.rows = {"locations": [_location(number) for number in range(3)]}
        shop.rows["products"] = [_product(number, same_second) for number in range(products)]
        shop.rows["inventoryItems"] = [_item(number, same_second) for number in range(2 * products)]
        shop.rows["productVariants"] = [_variant(shop, number, same_second) for number in range(2 * products)]
        shop.rows["collections"] = [_collection(number) for number in range(4)]
        shop.rows["customers"] = [_customer(number, same_second) for number in range(customers)]
        shop.rows["orders"] = [_order(shop, number, same_second) for number in range(orders)]
        shop.rows["events"] = [_event(number) for number in range(9)]
        _stock(shop, same_second)
        return shop

    def nested(self, root: str, name: str) -> list[Json]:
        """The rows within the rows, such as all line items."""
        return [row for parent in self.rows[root] for row in parent[name]]

    def touch(self, root: str, number: int, moment: datetime, **changes: Any) -> Json:
        """Change a row as of a moment."""
        row = self.rows[root][number]
        row.update(changes, updatedAt=written(moment))
        return row

    def add_order(self, moment: datetime) -> Json:
        order = _order(self, len(self.rows["orders"]), 1)
        order.update(updatedAt=written(moment), createdAt=written(moment))
        self.rows["orders"].append(order)
        return order

    def found(self, id: str) -> Json | None:
        """Any row by its id, also those within others."""
        own = (row for rows in self.rows.values() for row in rows)
        return next((one for row in own for one in _with_children(row) if one["id"] == id), None)


_NESTED: Final = ("lineItems", "refunds", "transactions", "fulfillments", "inventoryLevels")


def _with_children(row: Json) -> Iterator[Json]:
    yield row
    for name in _NESTED:
        yield from row.get(name, ())


def _moment(number: int, same_second: int) -> str:
    return written(BEGIN + timedelta(hours=number // same_second))


def _number(base: int, number: int) -> int:
    """Ids that do not follow the order of the updates."""
    return base + (number * 7919) % 99_991


def _row(kind: str, id: int, **more: Any) -> Json:
    return {"__typename": kind, "id": gid(kind, id), "legacyResourceId": str(id), **more}


def _location(number: int) -> Json:
    address = {
        "address1": f"Quay {number}",
        "city": "Bremen",
        "country": "Germany",
        "countryCode": "DE",
        "zip": "28195",
    }
    return _row(
        "Location", 70_001 + number, name=("Bremen", "Köln", "Lyon")[number], isActive=number < 2,
        fulfillsOnlineOrders=number == 0, hasActiveInventory=True, shipsInventory=True, createdAt=written(BEGIN),
        updatedAt=written(BEGIN), address=address, inventoryLevels=[],
    )  # fmt: skip


def _product(number: int, same_second: int) -> Json:
    return _row(
        "Product", _number(100_000, number), title=f"Lamp No. {number}", handle=f"lamp-{number}",
        status="DRAFT" if number % 5 == 4 else "ACTIVE", vendor="Lumière & Söhne", productType="Lamps",
        tags=["new", "light, warm"] if number % 3 else [], createdAt=written(BEGIN),
        updatedAt=_moment(number, same_second), publishedAt=None if number % 5 == 4 else written(BEGIN),
        descriptionHtml=f'<p class="x">Nr. {number} — "bright" 💡</p>', totalInventory=number * 3, tracksInventory=True,
        isGiftCard=False, templateSuffix="",
        options=[{"id": gid("ProductOption", number), "name": "Size", "position": 1, "values": ["S", "L"]}],
        priceRangeV2={
            "minVariantPrice": {"amount": f"{10 + number}.0", "currencyCode": "EUR"},
            "maxVariantPrice": {"amount": f"{20 + number}.0", "currencyCode": "EUR"},
        },
    )  # fmt: skip


def _item(number: int, same_second: int) -> Json:
    return _row(
        "InventoryItem", _number(300_000, number), sku=f"LAMP-{number}", tracked=True, requiresShipping=True,
        createdAt=written(BEGIN), updatedAt=_moment(number, same_second),
        unitCost={"amount": "3.125", "currencyCode": "EUR"} if number % 4 else None, countryCodeOfOrigin="FR",
    )  # fmt: skip


def _variant(shop: Shop, number: int, same_second: int) -> Json:
    return _row(
        "ProductVariant", _number(200_000, number), title="S" if number % 2 else "L",
        displayName=f"Lamp No. {number // 2} - {'S' if number % 2 else 'L'}", sku=f"LAMP-{number}",
        barcode="" if number % 3 else f"40{number:011}", price=f"{10 + number}.00", compareAtPrice=None, position=1,
        createdAt=written(BEGIN), updatedAt=_moment(number, same_second), inventoryQuantity=number - 2,
        inventoryPolicy="DENY", taxable=True, availableForSale=number > 2,
        selectedOptions=[{"name": "Size", "value": "S" if number % 2 else "L"}],
        product=shop.rows["products"][number // 2], inventoryItem=shop.rows["inventoryItems"][number],
    )  # fmt: skip


def _collection(number: int) -> Json:
    rules = [{"column": "TAG", "relation": "EQUALS", "condition": "new"}]
    return _row(
        "Collection", 400_001 + number, title=f"Season {number}", handle=f"season-{number}",
        updatedAt=_moment(number, 4), sortOrder="BEST_SELLING", descriptionHtml="", templateSuffix=None,
        ruleSet={"appliedDisjunctively": False, "rules": rules} if number % 2 else None,
        productsCount={"count": number, "precision": "EXACT"},
    )  # fmt: skip


def _customer(number: int, same_second: int) -> Json:
    address = {
        "address1": "12 Rue de l’Été",
        "city": "Lyon",
        "country": "France",
        "countryCodeV2": "FR",
        "zip": "69001",
    }
    email = {"emailAddress": f"ada+{number}@example.com", "marketingState": "SUBSCRIBED"}
    return _row(
        "Customer", _number(500_000, number), createdAt=written(BEGIN), updatedAt=_moment(number, same_second),
        firstName="Ada" if number % 4 else None, lastName=f"O'Neil {number}", displayName=f"Ada O'Neil {number}",
        defaultEmailAddress=email if number % 6 else None, defaultPhoneNumber=None, numberOfOrders=str(number),
        amountSpent={"amount": f"{number * 17}.5", "currencyCode": "EUR"}, state="ENABLED", tags=[], note=None,
        taxExempt=False, verifiedEmail=True, locale="fr", defaultAddress=address if number % 2 else None,
    )  # fmt: skip


def _order(shop: Shop, number: int, same_second: int) -> Json:
    id = _number(600_000, number)
    updated = _moment(number, same_second)
    customers = shop.rows["customers"]
    order = _row(
        "Order", id, name=f"#{1001 + number}", createdAt=written(BEGIN), updatedAt=updated, processedAt=written(BEGIN),
        cancelledAt=None, cancelReason=None, closedAt=None, confirmed=True, test=False,
        email=f"ada+{number}@example.com" if number % 5 else None, phone=None, currencyCode="EUR",
        presentmentCurrencyCode="USD" if number % 3 == 0 else "EUR", displayFinancialStatus=_STATES[number % 4],
        displayFulfillmentStatus="FULFILLED" if number % 2 else "UNFULFILLED", sourceName="web", tags=[],
        note="Bitte klingeln 🔔\n2. Stock" if number % 7 == 0 else None, taxesIncluded=True,
        totalPriceSet=bag(f"{number}.95", f"{number}.99" if number % 3 == 0 else None), subtotalPriceSet=bag("1.0"),
        totalTaxSet=bag("0.19"), totalDiscountsSet=bag("0.0"), totalShippingPriceSet=bag("4.9"),
        totalRefundedSet=bag("0.0"), currentTotalPriceSet=bag(f"{number}.95"),
        customer=customers[number % len(customers)] if customers and number % 5 else None,
        shippingAddress={"city": "Lyon", "countryCodeV2": "FR", "zip": "69001"}, billingAddress=None,
        customAttributes=[{"key": "gift", "value": None}] if number % 7 == 0 else [],
    )  # fmt: skip
    count = MANY if number % 20 == 0 else 1 + number % 3
    order["lineItems"] = [_line(shop, id * 1000 + place, place) for place in range(count)]
    order["transactions"] = [_payment(id * 10 + place, place, updated) for place in range(1 + number % 2)]
    order["fulfillments"] = [_shipment(shop, order, id, updated)] if number % 2 else []
    order["refunds"] = [_refund(order, id, updated)] if number % 4 == 0 else []
    return order


def _line(shop: Shop, id: int, place: int) -> Json:
    variants = shop.rows["productVariants"]
    variant = variants[id % len(variants)] if variants and place % 9 != 8 else None  # others are of products long gone
    return {
        "__typename": "LineItem", "id": gid("LineItem", id), "name": f"Lamp - {place}", "title": "Lamp",
        "variantTitle": variant and variant["title"], "sku": variant and variant["sku"], "vendor": "Lumière & Söhne",
        "quantity": 1 + place % 4, "currentQuantity": 1, "unfulfilledQuantity": 0, "requiresShipping": True,
        "taxable": True, "isGiftCard": False, "originalUnitPriceSet": bag("12.5"),
        "discountedUnitPriceSet": bag("12.5"),
        "originalTotalSet": bag("25.0"), "discountedTotalSet": bag("25.0"), "totalDiscountSet": bag("0.0"),
        "product": variant and variant["product"], "variant": variant, "customAttributes": [],
    }  # fmt: skip


def _payment(id: int, place: int, moment: str) -> Json:
    parent = {"id": gid("OrderTransaction", id - 1)} if place else None
    return {
        "__typename": "OrderTransaction", "id": gid("OrderTransaction", id), "kind": "CAPTURE" if place else "SALE",
        "status": "SUCCESS", "gateway": "bogus", "createdAt": moment, "processedAt": moment, "test": False,
        "amountSet": bag("0.955"), "errorCode": None, "parentTransaction": parent, "paymentId": f"p{id}",
    }  # fmt: skip


def _shipment(shop: Shop, order: Json, id: int, moment: str) -> Json:
    lines = [
        {"id": gid("FulfillmentLineItem", id * 1000 + place), "lineItem": line, "quantity": 1}
        for place, line in enumerate(order["lineItems"])
    ]
    return _row(
        "Fulfillment", id + 1, name=f"{order['name']}-F1", status="SUCCESS", displayStatus="DELIVERED",
        createdAt=moment, updatedAt=moment, totalQuantity=len(lines), requiresShipping=True,
        trackingInfo=[{"company": "DHL", "number": "00340", "url": None}], location=shop.rows["locations"][0],
        fulfillmentLineItems=lines,
    )  # fmt: skip


def _refund(order: Json, id: int, moment: str) -> Json:
    lines = [
        {
            "id": gid("RefundLineItem", id * 1000 + place), "lineItem": line, "quantity": 1, "restockType": "RETURN",
            "subtotalSet": bag("12.5"), "totalTaxSet": bag("2.375"),
        }
        for place, line in enumerate(order["lineItems"])
    ]  # fmt: skip
    return _row(
        "Refund", id + 2, createdAt=moment, updatedAt=moment, note="", totalRefundedSet=bag("12.5"),
        refundLineItems=lines,
    )  # fmt: skip


def _stock(shop: Shop, same_second: int) -> None:
    """Each item lies at each place. The number in a level's id is that of the place, not of the level."""
    for location in shop.rows["locations"]:
        for number, item in enumerate(shop.rows["inventoryItems"]):
            updated = _moment(number, same_second)
            quantities = {"available": number, "on_hand": number + 1, "committed": 1, "incoming": 0, "reserved": 0}
            location["inventoryLevels"].append(
                {
                    "__typename": "InventoryLevel",
                    "id": f"gid://shopify/InventoryLevel/{location['legacyResourceId']}"
                    f"?inventory_item_id={item['legacyResourceId']}",
                    "createdAt": written(BEGIN),
                    "updatedAt": updated,
                    "item": item,
                    "location": location,
                    "quantities": [
                        {"name": name, "quantity": count, "updatedAt": updated} for name, count in quantities.items()
                    ],
                }
            )


def _event(number: int) -> Json:
    kind = ("PRODUCT", "COLLECTION", "ORDER")[number % 3]
    subject = gid(kind.title(), 900_000 + number)
    moment = written(BEGIN + timedelta(hours=number // 3))
    return {
        "__typename": "BasicEvent", "id": gid("BasicEvent", 800_000 + number),
        "action": "placed" if kind == "ORDER" else "destroy", "createdAt": moment,
        "message": f"Corner shop: {subject}", "subjectId": subject, "subjectType": kind, "additionalContent": None,
    }  # fmt: skip
