"""Pages that are asked for side by side: the same rows, commits and places to go on from as one after the other."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from vai_common.clock import now, steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.rest import http_session
from vai_extract_worker.waits import Pace
from vai_records.definitions.dlt_extract import DltExtract
from vai_testkit.link import RecordingLink
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_testkit.servers.oauth_server import OAuthServer
from vai_worker.children.job import ConnectionSecret
from vai_worker.children.link import Stop

ROWS = [{"id": number, "v": number * 7 % 11} for number in range(1, 124)]
OFFSET = {"type": "offset", "limit": 10}


def numbered(shape: Callable[[list[Any], int], Any], base: int = 1) -> Callable[[Ask], Any]:
    def serve(ask: Ask) -> Any:
        page = int(ask.query.get("page", base))
        return shape(ROWS[(page - base) * 10 :][:10] if page >= base else [], page)

    return serve


def stepped(shape: Callable[[list[Any], int], Any], cap: int = 10) -> Callable[[Ask], Any]:
    def serve(ask: Ask) -> Any:
        first = int(ask.query.get("offset", 0))
        return shape(ROWS[first : first + min(cap, int(ask.query.get("limit", 10)))], first)

    return serve


def body_paged(ask: Ask) -> Any:
    page = ask.json["paging"]["page"]
    return {"data": ROWS[(page - 1) * 10 :][:10]}


SHAPES: dict[str, tuple[Callable[[Ask], Any], dict[str, Any]]] = {
    "auto, pages": (numbered(lambda rows, page: {"data": rows, "page": page, "total_pages": 13}), {}),
    "auto, a total": (numbered(lambda rows, page: {"data": rows, "page": page, "per_page": 10, "total": 123}), {}),
    "auto, offsets": (stepped(lambda rows, at: {"data": rows, "offset": at, "limit": 10, "total": 123}), {}),
    "auto, links": (numbered(lambda rows, page: {"data": rows, "next": f"?page={page + 1}" if rows else None}), {}),
    "no end told": (numbered(lambda rows, page: rows), {"paginator": "page_number"}),
    "404 behind the end": (
        numbered(lambda rows, page: rows or Say({"no": "page"}, 404)),
        {"paginator": "page_number", "response_actions": [{"status_code": 404, "action": "ignore"}]},
    ),
    "from 0": (
        numbered(lambda rows, page: {"data": rows, "pages": 13}, 0),
        {"paginator": {"type": "page_number", "base_page": 0, "total_path": "pages"}},
    ),
    "a maximum": (numbered(lambda rows, page: rows), {"paginator": {"type": "page_number", "maximum_page": 5}}),
    "has_more": (
        numbered(lambda rows, page: {"data": rows, "more": page < 13}),
        {"paginator": {"type": "page_number", "has_more_path": "more"}},
    ),
    "an empty page in the middle": (
        numbered(lambda rows, page: {"data": [] if page == 4 else rows, "pages": 13}),
        {"paginator": {"type": "page_number", "total_path": "pages"}},
    ),
    "a total that falls": (
        stepped(lambda rows, at: {"data": rows, "total": 123 - at}),
        {"paginator": OFFSET | {"total_path": "total"}},
    ),
    "offsets": (stepped(lambda rows, at: {"data": rows}), {"paginator": OFFSET}),
    "less than was asked for": (stepped(lambda rows, at: {"data": rows}, 7), {"paginator": OFFSET}),
    "rows left out": (
        stepped(lambda rows, at: {"data": [row for row in rows if row["v"]], "total": 123}),
        {"paginator": OFFSET | {"total_path": "total"}},
    ),
    "in the body": (body_paged, {
        "json": {"paging": {"size": 10}}, "paginator": {"type": "page_number", "page_body_path": "paging.page"},
    }),
}  # fmt: skip


def extracted(bench: Any, api: FakeApi, parallel: int, words: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Ids, and what the checkpoint says after each commit."""
    bench.next_run()
    api.asked.clear()
    rows = {"name": "rows", "parallel_pages": parallel} | words
    bench.extract("rest_api", base_url=api.url, resources=[rows], slice_rows=30)
    places = [commit["checkpoint"]["resources"]["rows"].get("position") for commit in bench.commits]
    return bench.column("rows", "id"), places


@pytest.mark.parametrize("shape", SHAPES)
def test_side_by_side_it_is_the_same_as_one_after_the_other(bench: Any, api: FakeApi, shape: str) -> None:
    serve, words = SHAPES[shape]
    api.paths["/rows"] = serve
    alone, places = extracted(bench, api, 1, words)
    asked = len(api.asked)
    assert alone
    assert extracted(bench, api, 4, words) == (alone, places)
    assert len(api.asked) <= asked + 6


class Gate:
    """Counts how many requests are under way, and keeps each until `width` of them are there, or no other comes."""

    def __init__(self, width: int) -> None:
        self._width, self._now, self.most = width, 0, 0
        self._changed = threading.Condition()

    def pass_through(self) -> None:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._now >= self._width, 0.05)
            self._now -= 1


def test_no_more_are_under_way_than_may_be(bench: Any, api: FakeApi) -> None:
    gate = Gate(4)

    def serve(ask: Ask) -> Any:
        gate.pass_through()
        return SHAPES["auto, pages"][0](ask)

    api.paths["/rows"] = serve
    ids, _ = extracted(bench, api, 4, {})
    assert ids == [row["id"] for row in ROWS]
    assert gate.most == 4
    assert len(api.asked) == 13


def test_the_pace_is_that_of_all_requests_together() -> None:
    pace, began = Pace(0.01, RecordingLink()), []

    def one() -> None:
        pace.keep()
        began.append(steady_seconds())

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(began) - min(began) >= 7 * 0.01 - 0.001


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(http_session, "wait", lambda seconds, link: found.append(seconds))
    return found


@pytest.mark.parametrize("page", [2, 5, 9])
def test_too_many_requests_are_waited_for_before_another_one_is_sent(
    bench: Any, api: FakeApi, pauses: list[float], page: int
) -> None:
    refused = threading.Event()
    before: list[int] = []

    def serve(ask: Ask) -> Any:
        if int(ask.query.get("page", 1)) == page and not refused.is_set():
            refused.set()
            return Say({"slow": "down"}, 429, {"Retry-After": "3"})
        before.append(len(pauses))
        return SHAPES["auto, pages"][0](ask)

    api.paths["/rows"] = serve
    ids, _ = extracted(bench, api, 6, {})
    assert ids == [row["id"] for row in ROWS]
    assert pauses == [3.0]
    assert len(api.asked) == 14


def test_a_quota_that_lasts_frees_the_worker_as_without(bench: Any, api: FakeApi) -> None:
    def serve(ask: Ask) -> Any:
        if int(ask.query.get("page", 1)) == 6:
            return Say({"slow": "down"}, 429, {"Retry-After": "600"})
        return SHAPES["auto, pages"][0](ask)

    api.paths["/rows"] = serve
    for parallel in (1, 4):
        bench.next_run()
        rows = {"name": "rows", "parallel_pages": parallel}
        with pytest.raises(Retryable) as raised:
            bench.extract("rest_api", base_url=api.url, resources=[rows], slice_rows=10)
        assert (raised.value.code, raised.value.retry_after) == (ErrorCode.RATE_LIMITED, 600)
        kept = bench.column("rows", "id")
        assert kept == [row["id"] for row in ROWS[: len(kept)]]
        api.paths["/rows"] = SHAPES["auto, pages"][0]
        bench.extract("rest_api", base_url=api.url, resources=[rows], slice_rows=10)
        assert bench.column("rows", "id") == [row["id"] for row in ROWS]
        api.paths["/rows"] = serve


@pytest.mark.parametrize("fault", [Say({"no": 1}, 500), Say(raw=b"<html>"), Say(raw=b'{"cut": '), Say({"no": 1}, 503)])
def test_a_page_that_fails_once_is_asked_for_again_in_its_turn(
    bench: Any, api: FakeApi, pauses: list[float], fault: Say
) -> None:
    failed: set[int] = set()

    def serve(ask: Ask) -> Any:
        page = int(ask.query.get("page", 1))
        if page in (3, 8) and page not in failed:
            failed.add(page)
            return fault
        return SHAPES["auto, pages"][0](ask)

    api.paths["/rows"] = serve
    assert extracted(bench, api, 5, {})[0] == [row["id"] for row in ROWS]


def test_a_page_that_fails_for_good_ends_the_run_where_it_stands(bench: Any, api: FakeApi) -> None:
    def serve(ask: Ask) -> Any:
        page = int(ask.query.get("page", 1))
        return Say({"no": 1}, 400) if page == 6 else SHAPES["auto, pages"][0](ask)

    api.paths["/rows"] = serve
    with pytest.raises(Permanent):
        extracted(bench, api, 5, {})
    assert bench.column("rows", "id") == [row["id"] for row in ROWS[:50]]


def test_a_token_that_ends_meanwhile_is_renewed_once_and_in_turn(bench: Any, api: FakeApi) -> None:
    vendor = OAuthServer(api)
    asked: list[str] = []

    def renew(payload: dict[str, Any]) -> dict[str, Any]:
        asked.append(threading.current_thread().name)
        vendor.given["new-token"] = now().timestamp() + 3600
        return {"access_token": "new-token", "renew_at": now().timestamp() + 3600}

    def serve(ask: Ask) -> Any:
        if int(ask.query.get("page", 1)) == 5:
            vendor.given.pop("old-token", None)
        token = ask.headers["authorization"].removeprefix("Bearer ")
        return SHAPES["auto, pages"][0](ask) if token in vendor.given else Say({"error": "invalid_token"}, 401)

    vendor.given["old-token"] = now().timestamp() + 3600
    api.paths["/rows"] = serve
    bench.answers["access_token"] = renew
    config = {"base_url": api.url, "auth": {"type": "oauth2_client_credentials", "access_token_url": vendor.url}}
    bench.connection = ConnectionSecret(
        "018f0000-0000-7000-8000-00000000000c", "crm", "rest_api", config,
        {"client_id": "c", "access_token": "old-token"}, now().timestamp() + 3600,
    )  # fmt: skip
    bench.extract("rest_api", resources=[{"name": "rows", "parallel_pages": 4}])
    assert bench.column("rows", "id") == [row["id"] for row in ROWS]
    assert asked == [threading.current_thread().name]


def growing(total: Callable[[int], Any]) -> Callable[[Ask], Any]:
    """A list that gets a row at its front while the second page is read; `total` is what it says of its length."""
    rows = [{"id": number} for number in range(60, 0, -1)]
    has_grown = threading.Event()
    lock = threading.Lock()

    def serve(ask: Ask) -> Any:
        first = int(ask.query["offset"])
        if first == 10:
            has_grown.wait(0.2)  # the pages behind it are read before it
            with lock:
                rows[:0] = [{"id": 100 + len(rows)}]
        found = {"data": rows[first : first + 10]} | total(len(rows))
        if first == 30:
            has_grown.set()
        return found

    return serve


@pytest.mark.parametrize("total", [lambda count: {"total": count}, lambda count: {"meta": {"total_rows": count}}])
@pytest.mark.parametrize("path", [True, False])
def test_a_list_that_grows_at_its_front_loses_no_row(bench: Any, api: FakeApi, total: Any, path: bool) -> None:
    told = "total" if "total" in total(1) else "meta.total_rows"
    paginator = OFFSET | ({"total_path": told} if path else {})
    for parallel in (1, 4):
        api.paths["/rows"] = growing(total)
        bench.next_run()
        rows = {"name": "rows", "paginator": paginator, "parallel_pages": parallel, "data_selector": "data"}
        bench.extract("rest_api", base_url=api.url, resources=[rows])
        assert set(bench.column("rows", "id")) >= set(range(1, 61)), parallel


def test_a_source_that_says_another_total_on_each_page_is_read_one_page_after_the_other(
    bench: Any, api: FakeApi
) -> None:
    api.paths["/rows"], words = SHAPES["a total that falls"]
    extracted(bench, api, 1, words)
    asked = len(api.asked)
    extracted(bench, api, 5, words)
    assert len(api.asked) <= asked + 7


def test_a_stop_does_not_wait_for_what_was_sent_ahead(bench: Any, api: FakeApi) -> None:
    def serve(ask: Ask) -> Any:
        page = int(ask.query.get("page", 1))
        if page == 3:
            bench.link.stopping = True
            return Say(hang=True)
        return SHAPES["auto, pages"][0](ask)

    api.paths["/rows"] = serve
    with pytest.raises(Stop):
        bench.extract("rest_api", base_url=api.url, resources=[{"name": "rows", "parallel_pages": 4}])


def test_children_and_windows_may_be_side_by_side(bench: Any, api: FakeApi) -> None:
    api.paths["/parents"] = lambda ask: [{"id": 1}, {"id": 2}] if ask.query["page"] == "1" else []
    for parent in (1, 2):
        api.paths[f"/parents/{parent}/rows"] = SHAPES["no end told"][0]
    child = {"name": "rows", "path": "parents/{resources.parents.id}/rows", "include_from_parent": ["id"]}
    bench.extract(
        "rest_api", base_url=api.url, resources=["parents", child], paginator="page_number", parallel_pages=3
    )  # fmt: skip
    pairs = list(zip(bench.column("rows", "_parents_id"), bench.column("rows", "id"), strict=True))
    assert pairs == [(parent, row["id"]) for parent in (1, 2) for row in ROWS]


@pytest.mark.parametrize("paginator", ["cursor", "json_link", "header_link", "single_page"])
def test_only_counted_pages_can_be_side_by_side(paginator: str) -> None:
    rows = {"name": "rows", "paginator": paginator, "parallel_pages": 2}
    with pytest.raises(ValidationError, match="pages that are counted"):
        DltExtract.model_validate({"source": "rest_api", "base_url": "https://a.example", "resources": [rows]})
    for wrong in (0, 11, True, "2", 2.5):
        with pytest.raises(ValidationError):
            DltExtract.model_validate(
                {"source": "rest_api", "base_url": "https://a.example", "resources": ["rows"], "parallel_pages": wrong}
            )
