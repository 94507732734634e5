"""Each example of docs/rest-api.md runs, against a server that answers as its API would."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vai_testkit.servers.json_api import Ask, FakeApi, Say

PAGE = (Path(__file__).parents[4] / "docs/rest-api.md").read_text()
EXAMPLES = re.findall(r"^#+ ([^\n]+)\n(?:(?!^#).)*?^```json\n(.*?)^```", PAGE, re.M | re.S)
DAYS = [f"2026-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]


def graphql(ask: Ask) -> Any:
    first = int(ask.json["variables"].get("after") or 0)
    info = {"endCursor": str(first + 2) if first < 4 else None}
    return {"data": {"orders": {"nodes": [{"id": first + 1}, {"id": first + 2}], "pageInfo": info}}}


def search(ask: Ask) -> Any:
    assert ask.json["filterGroups"][0]["filters"][0]["value"] == "2020-01-01T00:00:00Z"
    first = int(ask.json.get("after", 0))
    rows = [{"id": first + number, "updated_at": f"2026-01-0{first + number}T00:00:00Z"} for number in (1, 2)]
    return {"results": rows} | ({"paging": {"next": {"after": "2"}}} if first == 0 else {})


def tickets(ask: Ask) -> Any:
    return [{"id": status} for status in ask.repeated["status"]] if ask.query["page"] == "1" else []


def events(ask: Ask) -> Any:
    return {"data": [{"id": "1", "attributes": {"datetime": "2026-01-01T00:00:00+00:00", "value": {"usd": 1}}}]}


def issues(ask: Ask) -> Any:
    assert ask.query["jql"] == "updated >= '2026/01/01 01:00' ORDER BY updated"
    return [{"id": 1, "updated": 1_767_400_000_123}]


def sales(ask: Ask) -> Any:
    start, end = ask.query["between"].split("..")
    return [{"day": day} for day in DAYS if start <= day <= end]


def orders(ask: Ask) -> Any:
    return (
        [{"id": f"o{number}", "updated_at": f"2026-01-1{number}"} for number in range(3)]
        if ask.query["page"] == "1"
        else []
    )


def posts(ask: Ask) -> Any:
    page = int(ask.query["page"])
    return [{"id": page}] if page < 4 else Say({"code": "rest_post_invalid_page_number"}, 400)


def many(ask: Ask) -> Any:
    return [{"id": number} for number in range(25)] if ask.query["page"] == "1" else []


def products(ask: Ask) -> Any:
    first = int(ask.query["offset"])
    return {"total": 450, "products": [{"id": number} for number in range(first, min(first + 100, 450))]}


Answer = Callable[[Ask], Any]
SERVED: dict[str, tuple[dict[str, Answer], dict[str, tuple[str, list[Any]]]]] = {
    "GraphQL": ({"/graphql": graphql}, {"orders": ("id", [1, 2, 3, 4, 5, 6])}),
    "A search by POST, newer than the last run's": (
        {"/objects/contacts/search": search},
        {"contacts": ("id", [1, 2, 3, 4])},
    ),
    "Repeated parameters": ({"/tickets": tickets}, {"tickets": ("id", ["open", "done"])}),
    "An increment inside an expression": ({"/events": events}, {"events": ("attributes__value", ['{"usd":1}'])}),
    "A cursor that is asked for in another format": ({"/issues": issues}, {"issues": ("updated", [1_767_400_000_123])}),
    "Windows in one parameter": ({"/sales": sales}, {"sales": ("day", DAYS)}),
    "A resource for each row of another one": (
        {"/orders": orders, "/orders/o1/refunds": lambda ask: [{"amount": 5}], "/orders/o2/refunds": lambda ask: []},
        {"orders": ("id", ["o0", "o1", "o2"]), "refunds": ("_orders_id", ["o1"])},
    ),
    "Answers that are no error": ({"/posts": posts}, {"posts": ("id", [1, 2, 3])}),
    "JSON lines and CSV": (
        {"/reports/latest.csv": lambda ask: Say(raw=b"id,amount\n007,1.5\n008,\n")},
        {"report": ("amount", [1.5, None])},
    ),
    "Another delimiter and encoding": (
        {"/export/umsatz": lambda ask: Say(raw="Stück;EUR\n1;2,50\n".encode("cp1252"))},
        {"umsatz": ("Stück", ["1"])},
    ),
    "Nested objects as columns": (
        {"/profiles": lambda ask: {"data": [{"id": "1", "attributes": {"location": {"city": "Bern"}}}]}},
        {"profiles": ("attributes__location__city", ["Bern"])},
    ),
    "Several resources into one table": (
        {"/campaigns": lambda ask: [{"channel": ask.query["channel"]}]},
        {"campaigns": ("channel", ["email", "sms"])},
    ),
    "A trial": ({"/orders": many}, {"orders__trial": ("id", list(range(10)))}),
    "Several pages side by side": ({"/products": products}, {"products": ("id", list(range(450)))}),
}


def test_every_example_of_the_page_has_a_server() -> None:
    assert [title for title, _ in EXAMPLES] == list(SERVED)
    assert len(EXAMPLES) == PAGE.count("```json")


@pytest.mark.parametrize(("title", "text"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_runs(bench: Any, api: FakeApi, title: str, text: str) -> None:
    paths, expected = SERVED[title]
    api.paths |= paths
    bench.extract(**(json.loads(text) | {"base_url": api.url}))
    for table, (column, values) in expected.items():
        assert bench.column(table, column) == values
