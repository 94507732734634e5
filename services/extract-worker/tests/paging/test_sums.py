"""A total of money is no number of rows; one that may be either is told of, and never passed over in silence."""

from typing import Any

import pytest
import requests

from vai_common.errors import Permanent
from vai_extract_worker.paging.detection import detect
from vai_testkit.servers.paging_shapes import HOST, Query


def rows(count: int, first: int = 1, **beside: Any) -> list[Any]:
    return [{"id": first + i} | {name: of(i) for name, of in beside.items()} for i in range(count)]


PRICED = rows(14, amount=lambda i: 50 * i + 0.5)
TEXTS = rows(14, amount=lambda i: f"{50 * i + 0.5:.2f}")
SAME = rows(12, price=lambda i: 25)

MONEY: dict[str, Any] = {
    "made of its parts": {"lines": rows(7), "subtotal": 4000, "tax": 1000, "total": 5000},
    "made of net and vat": {"summary": {"net": 100, "vat": 20.0, "total": 120}, "orders": rows(7)},
    "less a discount": {"lines": rows(7), "subtotal": "90.00", "discount": "10.00", "shipping": 5, "total": 85},
    "the sum of amounts": {"invoices": PRICED, "total": 4557},
    "the sum of texts": {"invoices": TEXTS, "total": "4557"},
    "a sum beside a currency": {"invoices": PRICED, "total": 4557, "currency": "EUR"},
    "the sum of what is nested": {"items": rows(14, price=lambda i: {"value": i * 20}), "grand_total": 1820},
    "a fraction": {"items": rows(7), "total": 412.5},
}
"""No rows are counted, for certain."""

EITHER: dict[str, Any] = {
    "hotels": {"currency": "EUR", "total": 412, "results": rows(18, price=lambda i: 99.0 + i)},
    "hotels, as text": {"currency": "EUR", "total": "412", "results": rows(18)},
    "a bank": {"balance": 1203.5, "total": 180, "transactions": rows(50, amount=lambda i: -i * 1.5)},
    **{f"beside {name}": {name: 12.5, "total": 250, "data": rows(30)} for name in ("tax", "vat", "shipping", "net")},
    "below meta": {"meta": {"total": 250, "currency": "EUR"}, "data": rows(30)},
    "money": {"invoices": rows(7), "total": 5000, "currency": "EUR"},
    "a price that all have": {"data": SAME, "total": 300},
    "one amount": {"data": [{"sku": "a", "amount": 12}], "total": 12},
}
"""Nothing tells: all rows that came are kept, with a warning."""

COUNTS: dict[str, Any] = {
    "ids that add up to it": {"data": rows(100), "total": 5050},
    "ids that add up to it, fewer": {"data": rows(30), "total": 465},
    "the newest id": {"data": [{"id": 250, "name": "x"}], "total": 250},
    "the newest number": {"tickets": [{"number": 250}], "total": 250},
    "rows of groups": {"data": rows(30, size=lambda i: 40), "total": 1200},
    "rows of groups by another name": {"data": rows(30, total_items=lambda i: i), "total": 435},
    "a quantity": {"data": rows(12, qty=lambda i: i * 10), "total": 660},
    "what each row repeats": {"data": [{"id": 7, "of": 300}], "total": 300},
    "a page beside a currency": {"currency": "EUR", "page": 1, "total": 412, "results": rows(18)},
    "a size beside amounts": {"invoices": PRICED, "total": 4557, "per_page": 14},
    "amounts that miss it": {"invoices": PRICED, "total": 4558},
    "a subtotal of less": {"data": rows(7), "count": 412, "subtotal": 9, "total": 412},
}


def found_in(body: Any) -> tuple[str, int]:
    data = next(value for value in body.values() if isinstance(value, list))
    response = requests.Response()
    response.status_code, response.url = 200, f"{HOST}/rows"
    response.json = lambda **kwargs: body  # type: ignore[method-assign]
    return detect(response, data).type, len(data)


@pytest.mark.parametrize("body", MONEY.values(), ids=MONEY)
def test_a_total_that_is_money_for_certain_says_nothing_of_rows(new_desk: Any, body: Any) -> None:
    assert found_in(body)[0] == "single_page"
    desk = new_desk({"resources": ["rows"]}, lambda query: body)
    desk.run()
    assert desk.warnings == []


@pytest.mark.parametrize("body", EITHER.values(), ids=EITHER)
def test_a_total_that_may_be_money_or_rows_is_told_of(new_desk: Any, body: Any) -> None:
    kind, count = found_in(body)
    assert kind == "single_page"
    desk = new_desk({"resources": ["rows"]}, lambda query: body)
    assert len(desk.run()) == count
    assert desk.warnings == ["total_not_reached"]
    named = new_desk({"resources": ["rows"], "paginator": "single_page"}, lambda query: body)
    named.run()
    assert named.warnings == []


@pytest.mark.parametrize("body", COUNTS.values(), ids=COUNTS)
def test_a_total_of_rows_is_refused_whatever_adds_up_to_it(body: Any) -> None:
    with pytest.raises(Permanent, match=r"\d of \d+ rows"):
        found_in(body)


CURSOR = {"type": "cursor", "cursor_path": "after", "cursor_param": "c"}


@pytest.mark.parametrize(
    ("beside", "paginator", "warnings"),
    [
        ({"currency": "EUR", "total": 412}, CURSOR, ["total_not_reached"]),
        ({"currency": "EUR", "total": 412}, "page_number", ["total_not_reached"]),
        ({"currency": "EUR", "total": 18}, CURSOR, []),
        ({"currency": "EUR", "total": 412}, "single_page", []),
    ],
)
def test_named_pages_that_end_before_it_are_told_of(
    new_desk: Any, beside: Any, paginator: Any, warnings: list[str]
) -> None:
    def serve(query: Query) -> Any:
        return {"after": None, "results": rows(18) if int(query.get("page", 1)) == 1 else [], **beside}

    desk = new_desk({"resources": ["rows"], "paginator": paginator}, serve)
    assert len(desk.run()) == 18
    assert desk.warnings == warnings


def test_one_row_a_page_whose_id_is_the_total_may_not_end_early(new_desk: Any) -> None:
    def serve(query: Query) -> Any:
        page = int(query["page"])
        return {"total": 250, "data": [{"id": 251 - page}] if page <= 3 else []}

    with pytest.raises(Permanent, match=r"3 rows came.*250"):
        new_desk({"resources": ["rows"], "paginator": "page_number"}, serve).run()
