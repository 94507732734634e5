"""Resources that are asked for each row of another one: every row once, over kills, errors and increments."""

from typing import Any
from urllib.parse import unquote

import pytest

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_worker.children.link import Stop

REFUNDS = {
    "name": "refunds",
    "path": "orders/{resources.orders.id}/refunds",
    "paginator": "page_number",
    "include_from_parent": ["id", "customer.name"],
}


class Shop:
    """Orders, some with pages of refunds; `after` requests somebody stops the run or the shop breaks."""

    def __init__(self, api: FakeApi, orders: int = 25, size: int = 10) -> None:
        self.api = api
        self.size = size
        self.orders = [self.order(number) for number in range(1, orders + 1)]
        self.trouble: Any = None
        api.paths["/orders"] = self.listed
        api.default = self.refunds

    def order(self, number: int) -> dict[str, Any]:
        name = f"ä/{number}?x=.." if number == 7 else f"o{number}"
        return {"id": name, "number": number, "customer": {"name": f"c{number}"}, "updated_at": f"2026-01-{number:02}"}

    def listed(self, ask: Ask) -> Any:
        page = int(ask.query.get("page", "1"))
        found = [one for one in self.orders if one["updated_at"] >= ask.query.get("since", "")]
        return found[(page - 1) * self.size : page * self.size]

    def refunds(self, ask: Ask) -> Any:
        found = self.trouble(ask) if self.trouble else None
        if found is not None:
            return found
        _, name, what = ask.path.strip("/").split("/")
        order = next(one for one in self.orders if one["id"] == unquote(name))
        rows = self.rows_of(order)
        page = int(ask.query["page"])
        assert what == "refunds"
        return rows[(page - 1) * 2 : page * 2]

    @staticmethod
    def rows_of(order: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"refund": f"{order['number']}-{index}"} for index in range(order["number"] % 6)]

    def expected(self, orders: list[dict[str, Any]] | None = None) -> list[str]:
        return sorted(row["refund"] for order in orders or self.orders for row in self.rows_of(order))


def extract(bench: Any, api: FakeApi, *resources: Any, **fields: Any) -> Any:
    return bench.extract("rest_api", base_url=api.url, resources=[*resources], slice_rows=4, **fields)


ORDERS: dict[str, Any] = {"name": "orders", "paginator": "page_number"}


def test_each_row_of_the_parent_is_asked_for_its_children(bench: Any, api: FakeApi) -> None:
    shop = Shop(api)
    result = extract(bench, api, ORDERS, REFUNDS)
    assert sorted(bench.column("refunds", "refund")) == shop.expected()
    assert result["per_resource_rows"] == {"orders": 25, "refunds": len(shop.expected())}
    pairs = set(
        zip(bench.column("refunds", "_orders_id"), bench.column("refunds", "_orders_customer.name"), strict=True)
    )
    assert ("ä/7?x=..", "c7") in pairs
    assert any(ask.target.startswith("/orders/%C3%A4%2F7%3Fx%3D../refunds?page=1") for ask in api.asked)


def test_a_parent_that_is_not_selected_has_no_table(bench: Any, api: FakeApi) -> None:
    shop = Shop(api)
    result = extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    assert result["tables"] == ["refunds"]
    assert sorted(bench.column("refunds", "refund")) == shop.expected()


@pytest.mark.parametrize("after", [1, 2, 9, 24, 25, 58])
def test_a_kill_at_any_request_loses_and_doubles_nothing(bench: Any, api: FakeApi, after: int) -> None:
    shop = Shop(api)

    def stops(ask: Ask) -> None:
        bench.link.stopping = len(api.asked) == after

    shop.trouble = stops
    for _ in range(3):
        try:
            extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
        except Stop:
            continue
        break
    assert sorted(bench.column("refunds", "refund")) == shop.expected()


def test_a_parent_that_fails_in_the_middle_keeps_what_was_there(bench: Any, api: FakeApi) -> None:
    shop = Shop(api)
    shop.trouble = lambda ask: Say(status=503, headers={"Retry-After": "60"}) if "/o17/" in ask.path else None
    with pytest.raises(RunError):
        extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    shop.trouble, asked = None, len(api.asked)
    extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    assert sorted(bench.column("refunds", "refund")) == shop.expected()
    again = {ask.path for ask in api.asked[asked:]}
    assert not any(f"/orders/o{number}/refunds" in again for number in range(1, 17))


def test_a_page_of_the_parent_that_changed_meanwhile_doubles_nothing(bench: Any, api: FakeApi) -> None:
    shop = Shop(api, orders=10)
    shop.trouble = lambda ask: Say(status=503, headers={"Retry-After": "60"}) if "/o6/" in ask.path else None
    with pytest.raises(RunError):
        extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    shop.trouble = None
    shop.orders = list(reversed(shop.orders))
    extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    assert sorted(bench.column("refunds", "refund")) == shop.expected()


def test_an_incremental_parent_brings_the_children_of_what_is_new(bench: Any, api: FakeApi) -> None:
    shop = Shop(api, orders=12)
    orders = ORDERS | {"incremental": {"cursor_path": "updated_at", "param": "since"}, "primary_key": "id"}
    extract(bench, api, orders, REFUNDS)
    assert not any(commit["replace"] for commit in bench.commits)
    bench.next_run()
    new = [shop.order(number) for number in range(13, 18)]
    shop.orders += new
    extract(bench, api, orders, REFUNDS)
    assert sorted(bench.column("refunds", "refund")) == shop.expected(new)
    bench.next_run()
    extract(bench, api, orders, REFUNDS)
    assert [file for commit in bench.commits for file in commit["files"]] == []


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("after", [0, 1, 3, 4, 5, 6, 8])
def test_a_parent_that_is_new_is_read_from_the_beginning(bench: Any, api: FakeApi, asks: bool, after: int) -> None:
    """A child's cursor tells nothing of parents that no run has read: their rows may be older."""
    answers = {1: [5, 6], 2: [7, 7], 3: [], 4: [1, 2, 3, 4], 5: [2, 9]}
    polls = [1, 2, 3]

    def listed(ask: Ask) -> Any:
        bench.link.stopping = after > 0 and len(api.asked) == after
        return [{"id": poll} for poll in polls]

    def answered(ask: Ask) -> Any:
        bench.link.stopping = after > 0 and len(api.asked) == after
        poll, page = int(ask.path.split("/")[2]), int(ask.query["page"])
        rows = [{"key": f"{poll}-{n}", "at": at} for n, at in enumerate(answers[poll])]
        return [row for row in rows if row["at"] >= int(ask.query.get("since", "0"))][(page - 1) * 2 : page * 2]

    api.paths["/polls"], api.default = listed, answered
    of_polls = {"name": "polls", "paginator": "single_page", "selected": False}
    incremental = {"cursor_path": "at"} | ({"param": "since"} if asks else {})
    child = {"name": "answers", "path": "polls/{resources.polls.id}/a", "paginator": "page_number"}
    child |= {"primary_key": "key", "incremental": incremental}
    expected: set[str] = set()
    for new in ([], [4], [5], []):
        polls += new
        answers[1] += [10 + len(polls)] if new else []
        api.asked.clear()
        for _ in range(3):
            try:
                extract(bench, api, of_polls, child)
            except Stop:
                continue
            break
        now_there = {f"{poll}-{n}" for poll in polls for n in range(len(answers[poll]))}
        found = bench.column("answers", "key") if now_there - expected else []
        assert sorted(found) == sorted(now_there - expected)
        expected = now_there
        bench.next_run()


def test_children_of_an_incremental_parent_survive_a_kill(bench: Any, api: FakeApi) -> None:
    shop = Shop(api)
    orders = ORDERS | {"incremental": {"cursor_path": "updated_at"}, "primary_key": "id", "selected": False}
    for more in (9, 17, 12, 1_000):
        at = len(api.asked) + more
        shop.trouble = lambda ask, at=at: setattr(bench.link, "stopping", len(api.asked) == at)
        try:
            extract(bench, api, orders, REFUNDS)
        except Stop:
            continue
        break
    assert sorted(bench.column("refunds", "refund")) == shop.expected()


def test_what_is_missing_for_one_parent_can_be_no_error(bench: Any, api: FakeApi) -> None:
    shop = Shop(api)
    shop.trouble = lambda ask: Say({"error": "none"}, 404) if "/o3/" in ask.path else None
    with pytest.raises(Permanent):
        extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    bench.next_run()
    extract(bench, api, ORDERS | {"selected": False}, REFUNDS | {"response_actions": [{"status_code": 404}]})
    assert sorted(bench.column("refunds", "refund")) == shop.expected([one for one in shop.orders if one["id"] != "o3"])


@pytest.mark.parametrize("value", ["", ".", "..", None, {"a": 1}])
def test_a_value_that_would_lead_elsewhere_is_refused(bench: Any, api: FakeApi, value: Any) -> None:
    shop = Shop(api, orders=3)
    shop.orders[1]["id"] = value
    with pytest.raises(Permanent) as raised:
        extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert "{resources.orders.id}" in raised.value.message
    assert {ask.path for ask in api.asked} <= {"/orders", "/orders/o1/refunds"}


def test_braces_in_a_value_are_text(bench: Any, api: FakeApi) -> None:
    shop = Shop(api, orders=1)
    shop.orders[0]["id"] = "{resources.orders.number}"
    extract(bench, api, ORDERS | {"selected": False}, REFUNDS)
    assert any("%7Bresources.orders.number%7D" in ask.target for ask in api.asked)


def test_grandchildren(bench: Any, api: FakeApi) -> None:
    shop = Shop(api, orders=11)

    def answer(ask: Ask) -> Any:
        if not ask.path.startswith("/refunds/"):
            return shop.refunds(ask)
        return [{"line": f"{ask.path.split('/')[2]}/{index}"} for index in range(2)]

    api.default = answer
    lines = {"name": "lines", "path": "refunds/{resources.refunds.refund}/lines", "paginator": "single_page"}
    for more in (9, 24, 33, 1_000):
        at = len(api.asked) + more

        def stops(ask: Ask, at: int = at) -> None:
            bench.link.stopping = len(api.asked) == at

        shop.trouble = stops
        try:
            extract(bench, api, ORDERS | {"selected": False}, REFUNDS | {"selected": False}, lines)
        except Stop:
            continue
        break
    assert sorted(bench.column("lines", "line")) == sorted(
        f"{name}/{index}" for name in shop.expected() for index in (0, 1)
    )
