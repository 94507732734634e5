"""Runs are found by labels, times, triggers and texts, page by page; and run again."""

import base64
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import RunShape, RunsShape
from vai_testkit.services import OtherServices

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
FINANCE = {"team": "finance", "example.com/tier": "gold"}


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def made(api: httpx2.AsyncClient, **body: Any) -> str:
    answer = await api.post(RUNS, json=NOOP | body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def found(api: httpx2.AsyncClient, **query: Any) -> list[str]:
    answer = await api.get(RUNS, params=query)
    assert answer.status_code == 200, answer.text
    RunsShape.model_validate(answer.json())
    return [run["id"] for run in answer.json()["runs"]]


async def test_a_run_has_its_own_labels_and_those_of_its_action(api: httpx2.AsyncClient) -> None:
    body = {"kind": "dlt_extract", "name": "Orders", "definition": {"source": "noop"}, "labels": FINANCE}
    action = (await api.post("/api/v1/actions", json=body)).json()
    assert action["labels"] == FINANCE
    answer = await api.post(f"/api/v1/actions/{action['id']}/run", json={"labels": {"team": "sales", "run": "1"}})
    run = answer.json()
    assert run["labels"] == {**FINANCE, "team": "sales", "run": "1"}
    assert await found(api, label=["team=sales", "run"]) == [run["id"]]
    assert await found(api, label="team=finance") == []
    changed = await api.patch(f"/api/v1/actions/{action['id']}", json={"labels": {"a": "b"}})
    assert changed.json()["labels"] == {"a": "b"}
    listed = (await api.get("/api/v1/actions", params={"label": ["a=b"]})).json()
    assert [one["labels"] for one in listed["actions"]] == [{"a": "b"}]
    assert (await api.get("/api/v1/actions", params={"label": ["a=c"]})).json()["total"] == 0


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"},
        {"a=b": "x"},
        {"-a": "x"},
        {"a" * 64: "x"},
        {"a": "x" * 256},
        {"a": "line\nbreak"},
        {"a": 1},
        {"a": None},
        [],
        {f"k{n}": "v" for n in range(33)},
    ],
)
async def test_labels_that_cannot_be_are_refused(api: httpx2.AsyncClient, labels: Any) -> None:
    for path, body in ((RUNS, NOOP), ("/api/v1/actions", NOOP | {"name": "x"})):
        answer = await api.post(path, json=body | {"labels": labels})
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"][0]["loc"][:2] == ["body", "labels"]


async def test_page_behind_page_comes_every_run_once_while_new_ones_are_made(api: httpx2.AsyncClient) -> None:
    ids = [await made(api) for _ in range(5)]
    seen, cursor = list[str](), None
    while True:
        page = (await api.get(RUNS, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [run["id"] for run in page["runs"]]
        await made(api)
        if (cursor := page["nextCursor"]) is None:
            break
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "ÿ"}, "cursor"),
        ({"cursor": "Y3JlYXRlZF9hdCBkZXNj"}, "cursor"),
        ({"label": "=x"}, "label"),
        ({"label": "a b"}, "label"),
        ({"trigger_method": "moon"}, "trigger_method"),
        ({"created_from": "2026-11-29T06:00:00"}, "created_from"),
        ({"created_until": "yesterday"}, "created_until"),
        ({"created_from": "2026-11-29T06:00:00Z", "created_until": "2026-11-29T05:59:59Z"}, "created_from"),
        ({"created_from": "2026-11-29T06:00:00Z", "created_until": "2026-11-29T06:00:00Z"}, "created_from"),
        ({"created_from": "2026-11-29T06:00:00+02:00", "created_until": "2026-11-29T03:59:00Z"}, "created_from"),
        ({"sort_by": "kind"}, "sort_by"),
        ({"q": ""}, "q"),
        ({"connection_id": "x"}, "connection_id"),
        ({"lable": "a"}, "lable"),
    ],
)
async def test_what_no_list_can_mean_is_told(api: httpx2.AsyncClient, query: dict[str, str], loc: str) -> None:
    answer = await api.get(RUNS, params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"][:2] == ["query", loc]


async def test_a_cursor_belongs_to_its_order(api: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await made(api)
    cursor = (await api.get(RUNS, params={"limit": 1})).json()["nextCursor"]
    assert (await api.get(RUNS, params={"limit": 1, "cursor": cursor, "order": "asc"})).status_code == 422
    assert (await api.get(RUNS, params={"limit": 1, "cursor": cursor, "offset": 1})).status_code == 422


async def test_runs_are_found_by_time_trigger_and_text(api: httpx2.AsyncClient) -> None:
    first = await made(api, concurrencyKey="shop-1")
    cut = (await api.get(f"{RUNS}/{first}")).json()["createdAt"]
    second = await made(api, labels={"only": "this"})
    assert await found(api, q="SHOP-") == [first]
    assert await found(api, created_until=cut) == []
    assert await found(api, created_from=cut, order="asc") == [first, second]
    assert await found(api, trigger_method="api") == [second, first]
    assert await found(api, trigger_method="schedule,webhook") == []
    assert await found(api, label="only", created_by=str(uuid4())) == []


async def test_nobody_finds_another_organisations_runs(api: httpx2.AsyncClient, other_api: httpx2.AsyncClient) -> None:
    await made(api, labels=FINANCE, concurrencyKey="shop-1")
    for query in ({"label": "team=finance"}, {"q": "shop"}, {"trigger_method": "api"}, {"sort_by": "updated_at"}):
        assert await found(other_api, **query) == []


async def test_an_ended_run_runs_again_as_it_was_or_changed(api: httpx2.AsyncClient) -> None:
    definition = {"url": "https://example.com/a", "headers": {"Authorization": "Bearer s3cret"}, "method": "POST"}
    body = {"kind": "http_request", "definition": definition, "labels": FINANCE}
    run = (await api.post(RUNS, json=body, headers={"Prefer": "respond-async"})).json()
    early = await api.post(f"{RUNS}/{run['id']}/run-again")
    assert early.status_code == 409
    await api.post(f"{RUNS}/{run['id']}/cancel")
    headers = {"Prefer": "respond-async", "Idempotency-Key": "again"}
    again = await api.post(f"{RUNS}/{run['id']}/run-again", headers=headers)
    assert again.status_code == 201, again.text
    shown = RunShape.model_validate(again.json())
    assert (shown.definition, shown.labels, shown.id != UUID(run["id"])) == (run["definition"], FINANCE, True)
    assert "s3cret" not in again.text
    repeated = await api.post(f"{RUNS}/{run['id']}/run-again", headers=headers)
    assert (repeated.status_code, repeated.json()["id"]) == (200, again.json()["id"])
    other = await api.post(f"{RUNS}/{run['id']}/run-again", json={"labels": {"a": "b"}}, headers=headers)
    assert other.status_code == 409
    overrides = {"definitionOverrides": {"url": "https://example.com/b"}, "labels": {}}
    other = await api.post(f"{RUNS}/{run['id']}/run-again", json=overrides, headers={"Prefer": "respond-async"})
    assert (other.json()["definition"]["url"], other.json()["labels"]) == ("https://example.com/b", {})
    bad = await api.post(f"{RUNS}/{run['id']}/run-again", json={"definitionOverrides": {"method": 7}})
    assert bad.status_code == 422


async def test_many_are_decided_at_once_by_ids_or_filters(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient
) -> None:
    mine = [await made(api, labels={"batch": "1"}) for _ in range(3)]
    kept, foreign = await made(api), await made(other_api, labels={"batch": "1"})
    body = {"operation": "cancel", "filters": {"label": ["batch=1"]}, "limit": 2}
    answer = (await api.post(f"{RUNS}/bulk", json=body)).json()
    assert [one["status"] for one in answer["results"]] == [200, 200]
    assert [one["run"]["status"] for one in answer["results"]] == ["cancelled", "cancelled"]
    rest = (await api.post(f"{RUNS}/bulk", json=body | {"cursor": answer["nextCursor"]})).json()
    assert ([one["id"] for one in rest["results"]], rest["nextCursor"]) == ([mine[0]], None)
    assert (await api.get(f"{RUNS}/{kept}")).json()["status"] == "pending"
    assert (await other_api.get(f"{RUNS}/{foreign}")).json()["status"] == "pending"
    ids = [mine[0], kept, foreign, mine[0]]
    deleted = (await api.post(f"{RUNS}/bulk", json={"operation": "delete", "runIds": ids})).json()["results"]
    assert [(one["id"], one["status"]) for one in deleted] == [(mine[0], 204), (kept, 409), (foreign, 404)]
    assert "cancel it" in deleted[1]["detail"][0]["msg"]


@pytest.mark.parametrize(
    "body",
    [
        {"operation": "cancel"},
        {"operation": "cancel", "filters": {}},
        {"operation": "delete", "filters": {"kind": [], "label": []}},
        {"operation": "delete", "filters": {"actionId": None, "q": None}},
        {"operation": "cancel", "filters": {"label": ["a"]}, "runIds": [str(uuid4())]},
        {"operation": "explode", "runIds": [str(uuid4())]},
        {"operation": "cancel", "runIds": []},
        {"operation": "cancel", "runIds": [str(uuid4())], "reason": "x"},
        {"operation": "cancel", "runIds": [str(uuid4())], "cursor": "x"},
        {"operation": "cancel", "filters": {"label": ["a"]}, "cursor": "x"},
        {"operation": "cancel", "filters": {"lable": ["a"]}},
    ],
)
async def test_a_decision_about_many_that_means_nothing_is_refused(api: httpx2.AsyncClient, body: Any) -> None:
    answer = await api.post(f"{RUNS}/bulk", json=body)
    assert answer.status_code == 422, answer.text


async def test_an_error_of_one_run_is_told_beside_the_others(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices
) -> None:
    secret = {"kind": "http_request", "definition": {"url": "https://example.com", "headers": {"x-api-key": "s3cret"}}}
    ids = [(await api.post(f"{RUNS}?defer=true", json=secret)).json()["id"] for _ in range(2)]
    for run_id in ids:
        await api.post(f"{RUNS}/{run_id}/execute", headers={"Prefer": "respond-async"})
        await others.end(run_id, "failed")
    await gateway.pool.execute("UPDATE runs SET secrets = 'damaged' WHERE id = $1", UUID(ids[0]))
    results = (await api.post(f"{RUNS}/bulk", json={"operation": "retry", "runIds": ids})).json()["results"]
    assert [(one["id"], one["status"]) for one in results] == [(ids[0], 503), (ids[1], 201)]
    assert "does not open" in results[0]["detail"][0]["msg"]


async def test_the_answer_about_many_leaves_out_what_is_large(api: httpx2.AsyncClient) -> None:
    sql = {
        "transform_name": "t",
        "inputs": [{"bronze_dataset": "bronze.a.b"}],
        "sql": "SELECT '" + "x" * 5_000 + "' FROM {{ bronze_a_b }}",
    }
    large = await made(api, kind="duckdb_transform", definition=sql)
    small = await made(api)
    answer = await api.post(f"{RUNS}/bulk", json={"operation": "cancel", "runIds": [large, small]})
    shown = {one["id"]: one["run"] for one in answer.json()["results"]}
    assert (shown[large]["definition"], shown[large]["definitionTruncated"]) == ({}, True)
    assert shown[small]["definition"]["source"] == "noop"
    assert "definitionTruncated" not in shown[small]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"created_from": "0001-01-01T00:00:00Z"}, 200),
        ({"created_until": "9999-12-31T23:59:59Z"}, 200),
        ({"created_from": "0001-01-01T00:00:00+14:00"}, 422),
        ({"created_until": "9999-12-31T23:59:59-14:00"}, 422),
        ({"cursor": cursor_of(f"created_at desc {UUID(int=1)} 0001-01-01T00:00:00+14:00")}, 422),
        ({"cursor": cursor_of(f"updated_at desc {UUID(int=1)} 9999-12-31"), "sort_by": "updated_at"}, 422),
        ({"cursor": cursor_of(f"created_at desc {UUID(int=1)}")}, 422),
        ({"cursor": "é"}, 422),
    ],
)
async def test_times_at_the_ends_of_the_calendar_are_answered(
    api: httpx2.AsyncClient, query: dict[str, str], status: int
) -> None:
    answer = await api.get(RUNS, params=query)
    assert answer.status_code == status, answer.text


async def test_a_retry_of_many_with_a_key_makes_each_run_once(api: httpx2.AsyncClient, others: OtherServices) -> None:
    failed = [await made(api) for _ in range(2)]
    for run_id in failed:
        await others.end(run_id, "failed")
    body = {"operation": "retry", "filters": {"kind": ["dlt_extract"]}}
    first = (await api.post(f"{RUNS}/bulk", json=body, headers={"Idempotency-Key": "k"})).json()["results"]
    again = (await api.post(f"{RUNS}/bulk", json=body, headers={"Idempotency-Key": "k"})).json()["results"]
    assert ([one["status"] for one in first], [one["status"] for one in again]) == ([201, 201], [200, 200])
    assert [one["run"]["id"] for one in first] == [one["run"]["id"] for one in again]
    assert sorted(one["id"] for one in first) == sorted(failed)
