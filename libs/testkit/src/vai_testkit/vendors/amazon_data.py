"""What a seller has at Amazon: orders with their items, listings, stock, returns; the same numbers each time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]

US = "ATVPDKIKX0DER"
TITLES = ('Screen 27" curved', "Teekanne grün – 1,5 l", 'Book "How to read', "Café crème €4", "Cable 2m")
"""With quotes that nothing closes, and letters that Windows-1252 writes otherwise than UTF-8."""


@dataclass
class Shop:
    """`now` is where its data ends. Orders are sorted by their time of update; several share one second."""

    now: datetime
    orders: list[Json] = field(default_factory=list)
    returns: list[Json] = field(default_factory=list)
    listings: dict[str, list[Json]] = field(default_factory=dict)
    stock: dict[str, list[Json]] = field(default_factory=dict)

    def sell(self, count: int, days: float = 30.0, items: int = 2, marketplace: str = US) -> None:
        """So many orders, spread over the days before now, two in each of their seconds."""
        step = timedelta(days=days) / max(1, (count + 1) // 2)
        first = len(self.orders)
        for number in range(count):
            back = timedelta(days=days) - step * (number // 2)
            moment = (self.now - back - timedelta(minutes=10)).replace(microsecond=0)
            self.orders.append(_order(first + number, moment, items, marketplace))
        self.orders.sort(key=lambda order: str(order["lastUpdatedTime"]))

    def update(self, order_id: str, moment: datetime, status: str = "SHIPPED") -> None:
        (order,) = [one for one in self.orders if one["orderId"] == order_id]
        order["lastUpdatedTime"], order["fulfillment"]["fulfillmentStatus"] = _iso(moment), status
        self.orders.sort(key=lambda order: str(order["lastUpdatedTime"]))

    def take_back(self, count: int, days: float = 30.0) -> None:
        for number in range(count):
            moment = self.now - timedelta(days=days) * (count - number) / count
            self.returns.append(
                {
                    "return-date": moment.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
                    "order-id": f"111-{number:07d}-0000001",
                    "sku": f"SKU-{number % 7}",
                    "quantity": "1",
                    "customer-comments": TITLES[number % len(TITLES)],
                }
            )

    def list_offers(self, count: int, marketplace: str = US) -> None:
        rows = [
            {
                "item-name": TITLES[number % len(TITLES)],
                "seller-sku": f"SKU-{number}",
                "price": f"{number}.99",
                "quantity": str(number % 50),
                "asin1": f"B0{number:08d}",
                "status": "Active",
            }
            for number in range(count)
        ]
        self.listings[marketplace] = rows
        self.stock[marketplace] = [
            {
                "sku": row["seller-sku"],
                "fnsku": f"X{row['asin1']}",
                "asin": row["asin1"],
                "product-name": row["item-name"],
                "afn-fulfillable-quantity": row["quantity"],
                "your-price": row["price"],
            }
            for row in rows
        ]

    def as_v0(self, order: Json) -> Json:
        """The same order in the words of the version before."""
        return {
            "AmazonOrderId": order["orderId"],
            "PurchaseDate": order["createdTime"],
            "LastUpdateDate": order["lastUpdatedTime"],
            "OrderStatus": order["fulfillment"]["fulfillmentStatus"].title(),
            "MarketplaceId": order["salesChannel"]["marketplaceId"],
            "OrderTotal": {
                "CurrencyCode": order["proceeds"]["grandTotal"]["currencyCode"],
                "Amount": order["proceeds"]["grandTotal"]["amount"],
            },
        }

    def items_as_v0(self, order: Json) -> list[Json]:
        return [
            {
                "OrderItemId": item["orderItemId"],
                "ASIN": item["product"]["asin"],
                "Title": item["product"]["title"],
                "QuantityOrdered": item["quantityOrdered"],
            }
            for item in order["orderItems"]
        ]

    def order_lines(self, start: datetime, end: datetime, marketplaces: list[str]) -> list[Json]:
        """The rows of the report of all orders by last update."""
        return [
            {
                "amazon-order-id": order["orderId"],
                "purchase-date": order["createdTime"].replace("Z", "+00:00"),
                "last-updated-date": order["lastUpdatedTime"].replace("Z", "+00:00"),
                "order-status": order["fulfillment"]["fulfillmentStatus"].title(),
                "product-name": item["product"]["title"],
                "sku": item["product"]["sellerSku"],
                "quantity": str(item["quantityOrdered"]),
                "currency": "USD",
                "item-price": "19.99",
            }
            for order in self.orders
            if start <= datetime.fromisoformat(order["lastUpdatedTime"]) <= end
            and order["salesChannel"]["marketplaceId"] in marketplaces
            for item in order["orderItems"]
        ]

    def returned(self, start: datetime, end: datetime) -> list[Json]:
        return [row for row in self.returns if start <= datetime.fromisoformat(row["return-date"]) <= end]


def _order(number: int, moment: datetime, items: int, marketplace: str) -> Json:
    order_id = f"111-{number:07d}-{(number * 7919) % 10_000_000:07d}"
    return {
        "orderId": order_id,
        "createdTime": _iso(moment - timedelta(hours=2)),
        "lastUpdatedTime": _iso(moment),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "AMAZON"},
        "proceeds": {"grandTotal": {"amount": f"{20 + number % 80}.50", "currencyCode": "USD"}},
        "orderItems": [
            {
                "orderItemId": f"{number:010d}{position:04d}",
                "quantityOrdered": 1 + position,
                "product": {
                    "asin": f"B0{number % 1000:08d}",
                    "title": TITLES[number % len(TITLES)],
                    "sellerSku": f"SKU-{number % 7}",
                },
            }
            for position in range(items)
        ],
    }


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
