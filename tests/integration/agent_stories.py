"""Twelve pieces of work that an agent does at a shop: what a model says to each result, and what it comes to then."""

import json
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from vai_common.clock import now
from vai_testkit.servers.models.script import Call, Turn
from vai_testkit.servers.web import Reply, Seen

Json = dict[str, Any]
Request = tuple[str, str, Any]
Work = Generator[tuple[Call, ...], list[Json], None]
TABLE = "bronze.crystal.orders"


@dataclass
class Shop:
    """It notes what it is asked for. In another world all its numbers are greater by `moved`."""

    moved: int = 0
    done: list[Request] = field(default_factory=list)

    def answers(self, seen: Seen) -> Reply:
        path = urlsplit(seen.target).path
        self.done.append((seen.method, path, json.loads(seen.body) if seen.body else None))
        told = self._told(path.strip("/").split("/"))
        body = json.dumps(told or {"error": "not there"}).encode()
        return Reply(404 if told is None else 200, body, {"Content-Type": "application/json"})

    def _told(self, parts: list[str]) -> Json | None:
        match parts:
            case ["orders", name] if re.fullmatch(r"ORD-\d{4}", name):
                return {"id": name, "customer_id": 100_000 + int(name[4:]) + self.moved, "state": "sent"}
            case ["orders", _]:
                return None
            case ["customers", number]:
                return {"id": int(number), "email": f"c{number}@example.com"}
            case ["shops"]:
                return {"shops": [{"id": 500_101 + self.moved + place} for place in range(3)]}
            case ["rates"]:
                return {"currency": "EUR", "rate": 1.08125 + self.moved}
            case ["totals"]:
                return {"total": 18234.75 + self.moved}
            case _:
                return {"ok": True}


@dataclass(frozen=True)
class Story:
    """`work` is played by the model. With `other` as inputs the shop is asked for what `expected` says, in a world that
    has moved so far. `needs`: steps that still need a model.
    """

    question: str
    work: Callable[[], Work]
    expected: Callable[[int], list[Request]]
    other: Json = field(default_factory=dict)
    inputs: Json = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def turn_of(story: Story, said: list[Json]) -> Turn:
    """What the model says to the results so far: its work is played again from the beginning."""
    work = story.work()
    calls, at = next(work), 0
    while at < len(said):
        told, at = said[at : at + len(calls)], at + len(calls)
        try:
            calls = work.send(told)
        except StopIteration:
            return Turn("It is done.")
    return Turn(calls=calls)


def _get(url: str) -> tuple[Call]:
    return (Call("get", {"url": url}),)


def _post(url: str, body: Any, tool: str = "post") -> tuple[Call]:
    return (Call(tool, {"url": url, "body": body}),)


def _query(sql: str) -> tuple[Call]:
    return (Call("query_datasets", {"sql": sql}),)


def _body(one: Json) -> Json:
    return dict(one["result"]["body"])


def _rows(one: Json) -> list[Json]:
    return list(one["result"]["rows"])


def _chain() -> Work:
    (order,) = yield _get("/orders/ORD-8841")
    (customer,) = yield _get(f"/customers/{_body(order)['customer_id']}")
    yield _post("/mails", {"to": _body(customer)["email"], "order": "ORD-8841"})


def _told(moved: int) -> list[Request]:
    number = 109_017 + moved
    mail = {"to": f"c{number}@example.com", "order": "ORD-9017"}
    return [("GET", "/orders/ORD-9017", None), ("GET", f"/customers/{number}", None), ("POST", "/mails", mail)]


def _fan_out() -> Work:
    (shops,) = yield _get("/shops")
    yield tuple(Call("post", {"url": f"/shops/{one['id']}/refresh", "body": {}}) for one in _body(shops)["shops"])


def _refreshed(moved: int) -> list[Request]:
    return [("GET", "/shops", None), *(("POST", f"/shops/{500_101 + moved + n}/refresh", {}) for n in range(3))]


def _join() -> Work:
    totals, rates = yield (*_get("/totals"), *_get("/rates"))
    yield _post("/bookings", {"total": _body(totals)["total"], "rate": _body(rates)["rate"]})


def _booked(moved: int) -> list[Request]:
    booking = {"total": 18234.75 + moved, "rate": 1.08125 + moved}
    return [("GET", "/totals", None), ("GET", "/rates", None), ("POST", "/bookings", booking)]


def _mistaken() -> Work:
    yield _get("/orders/8841")
    (order,) = yield _get("/orders/ORD-8841")
    yield _post("/lists", {"customer": _body(order)["customer_id"]})


def _listed(moved: int) -> list[Request]:
    return [("GET", "/orders/ORD-9017", None), ("POST", "/lists", {"customer": 109_017 + moved})]


def _approved() -> Work:
    (order,) = yield _get("/orders/ORD-8841")
    yield _post("/refunds", {"customer": _body(order)["customer_id"]}, "refund")


def _refunded(moved: int) -> list[Request]:
    return [("GET", "/orders/ORD-9017", None), ("POST", "/refunds", {"customer": 109_017 + moved})]


def _looked_up() -> Work:
    yield (Call("describe_datasets", {"datasets": [TABLE]}),)
    (found,) = yield _query(f"SELECT category, count(*) AS orders FROM {TABLE} WHERE category = 'garden' GROUP BY ALL")
    yield _post("/totals", _rows(found)[0])


def _nested() -> Work:
    (told,) = yield (Call("helper", {"question": "What is the word of the day?"}),)
    yield _post("/words", {"word": told["result"]["answer"]})


def _by_chance() -> Work:
    yield _query(f"SELECT 7 AS id UNION ALL SELECT count(*) * 0 + 8 FROM {TABLE} ORDER BY 1")
    yield _post("/warnings", {"level": 2, "retries": 7})


def _today() -> Work:
    yield _post("/reports", {"day": now().date().isoformat(), "of": "bread"})


def _by_inputs() -> Work:
    (order,) = yield _get("/orders/ORD-4417")
    yield _post("/regions/north", {"region": "north", "customer": _body(order)["customer_id"]})


def _in_texts() -> Work:
    (order,) = yield _get("/orders/ORD-8841")
    yield _post("/messages", {"text": f"ORD-8841 is of customer {_body(order)['customer_id']} (sent)"})


def _twice() -> Work:
    yield _get("/orders/ORD-8841")
    (order,) = yield _get("/orders/ORD-8841")
    yield _get("/rates")
    yield _post("/lists", {"customer": _body(order)["customer_id"]})


_OTHER = {"orders_id": "ORD-9017"}
STORIES: dict[str, Story] = {
    "chain": Story("How is order ORD-8841 going? Tell the customer.", _chain, _told, _OTHER),
    "fan-out": Story("Refresh the stock of all shops.", _fan_out, _refreshed),
    "join": Story("Book what was sold.", _join, _booked),
    "an error": Story("Whose is order ORD-8841? Put it on the list.", _mistaken, _listed, _OTHER),
    "approval": Story("Refund order ORD-8841.", _approved, _refunded, _OTHER),
    "a query after a look at the table": Story(
        "How many orders are in garden?", _looked_up, lambda moved: [("POST", "/totals", None)], {"category": "toys"}
    ),
    "an agent": Story(
        "Publish the word of the day.", _nested, lambda moved: [("POST", "/words", {"word": "Bread."})],
        needs=("helper",),
    ),
    "numbers by chance": Story(
        "Look at the orders and warn them.", _by_chance,
        lambda moved: [("POST", "/warnings", {"level": 2, "retries": 7})],
    ),
    "today": Story(
        "Report what was sold today: bread.", _today,
        lambda moved: [("POST", "/reports", {"day": "2027-03-01", "of": "bread"})], {"today": "2027-03-01"},
    ),
    "inputs": Story(
        "Report order ORD-4417 to the region.", _by_inputs,
        lambda moved: [("GET", "/orders/ORD-9017", None),
                       ("POST", "/regions/south", {"region": "south", "customer": 109_017 + moved})],
        {"orders_id": "ORD-9017", "region": "south"}, {"region": "north"},
    ),
    "within texts": Story(
        "Say whose order ORD-8841 is.", _in_texts,
        lambda moved: [("GET", "/orders/ORD-9017", None),
                       ("POST", "/messages", {"text": f"ORD-9017 is of customer {109_017 + moved} (sent)"})], _OTHER,
    ),
    "repeats and dead ends": Story("Put order ORD-8841 on the list.", _twice, _listed, _OTHER),
}  # fmt: skip
