"""The source `rest_api`: paging, increments, slices, types, credentials."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_testkit.servers.json_api import Ask, FakeApi, Say, serving
from vai_worker.children.job import ConnectionSecret
from vai_worker.children.link import Stop

PEOPLE = [{"id": number, "name": f"person {number}"} for number in range(1, 26)]


def secret(url: str, credentials: dict[str, Any], **config: Any) -> ConnectionSecret:
    return ConnectionSecret(
        "018f0000-0000-7000-8000-00000000000c", "crm", "rest_api", {"base_url": url} | config, credentials
    )


def offset_pages(ask: Ask) -> Any:
    first, limit = int(ask.query["offset"]), int(ask.query["limit"])
    return {"items": PEOPLE[first : first + limit], "total": len(PEOPLE)}


def cursor_pages(ask: Ask) -> Any:
    first = int(ask.query.get("after", "0"))
    more = first + 10 < len(PEOPLE)
    return {"people": PEOPLE[first : first + 10], "paging": {"after": str(first + 10) if more else None}}


def header_pages(ask: Ask) -> Any:
    number = int(ask.query.get("page", "1"))
    link = {"Link": f'</people?page={number + 1}>; rel="next"'} if number < 3 else {}
    return Say(PEOPLE[(number - 1) * 10 : number * 10], headers=link)


def link_pages(ask: Ask) -> Any:
    number = int(ask.query.get("page", "1"))
    return {
        "results": PEOPLE[(number - 1) * 10 : number * 10],
        "next": f"/people?page={number + 1}" if number < 3 else None,
    }


def numbered_pages(ask: Ask) -> Any:
    number = int(ask.query.get("page", "1"))
    return PEOPLE[(number - 1) * 10 : number * 10]


def total_pages(ask: Ask) -> Any:
    number = int(ask.query.get("page", "1"))
    return {"people": PEOPLE[(number - 1) * 10 : number * 10], "page": number, "total_pages": 3}


@pytest.mark.parametrize(
    ("pages", "paginator"),
    [
        (offset_pages, {"type": "offset", "limit": 10, "total_path": "total"}),
        (offset_pages, {"type": "offset", "limit": 10}),
        (cursor_pages, {"type": "cursor", "cursor_path": "paging.after", "cursor_param": "after"}),
        (header_pages, "header_link"),
        (header_pages, "auto"),
        (link_pages, {"type": "json_link", "next_url_path": "next"}),
        (link_pages, "auto"),
        (numbered_pages, "page_number"),
        (numbered_pages, {"type": "page_number", "maximum_page": 3}),
        (total_pages, {"type": "page_number", "total_path": "total_pages"}),
        (total_pages, "auto"),
    ],
)
def test_every_way_of_paging_brings_every_row_once(bench: Any, api: FakeApi, pages: Any, paginator: Any) -> None:
    api.paths["/people"] = pages
    result = bench.extract("rest_api", base_url=api.url, resources=[{"name": "people", "paginator": paginator}])
    assert bench.column("people", "id") == list(range(1, 26))
    assert result["per_resource_rows"] == {"people": 25}
    assert result["bytesTransferred"] > 0


@pytest.mark.parametrize("paginator", ["page_number", "header_link", {"type": "offset", "limit": 10}])
def test_an_attempt_goes_on_at_the_page_that_the_last_one_did_not_get(bench: Any, api: FakeApi, paginator: Any) -> None:
    pages = {"page_number": numbered_pages, "header_link": header_pages}.get(str(paginator), offset_pages)
    broken = True

    def answer(ask: Ask) -> Any:
        last = "3" in ask.query.values() or "20" in ask.query.values()
        return Say(status=503, headers={"Retry-After": "60"}) if broken and last else pages(ask)

    api.paths["/people"] = answer
    definition = {"base_url": api.url, "resources": [{"name": "people", "paginator": paginator}]}
    with pytest.raises(RunError) as raised:
        bench.extract("rest_api", **definition)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
    broken, asked = False, len(api.asked)
    result = bench.extract("rest_api", **definition)
    assert len(api.asked) - asked <= 2
    assert bench.column("people", "id") == list(range(1, 26))
    assert result["recordsProcessed"] == 25
    assert [commit["complete"] for commit in bench.commits] == [False, True]


def test_many_rows_are_committed_on_the_way(bench: Any, api: FakeApi) -> None:
    api.paths["/people"] = numbered_pages
    resources = [{"name": "people", "paginator": "page_number"}]
    bench.extract("rest_api", base_url=api.url, resources=resources, slice_rows=10)
    assert [len(commit["files"]) for commit in bench.commits] == [1, 1, 1]
    assert [commit["visible"] for commit in bench.commits] == [False, False, False]
    assert bench.column("people", "id") == list(range(1, 26))
    assert ("slice_completed", "Slice 2: 10 rows") in bench.entries


def test_progress_counts_every_request_of_a_resource_also_repeated_and_redirected_ones(
    bench: Any, api: FakeApi
) -> None:
    stumbles = iter([Say({}, 503), Say({}, 302, {"Location": "/moved"}), None, Say({}, 503)])

    def answer(ask: Ask) -> Any:
        return (next(stumbles, None) if ask.query["page"] == "3" else None) or numbered_pages(ask)

    api.paths |= {"/people": answer, "/moved": lambda ask: Say({}, 503), "/orders": numbered_pages}
    resources = ["orders", {"name": "people", "parallel_pages": 2}]
    definition = {"base_url": api.url, "resources": resources, "paginator": "page_number", "slice_rows": 10}
    bench.extract("rest_api", **definition)
    told = bench.commits[-1]["progress"]["resource_cursors"]
    orders = len(api.asked_for("/orders"))
    assert {name: cursor["requests"] for name, cursor in told.items()} == {
        "orders": orders,
        "people": len(api.asked) - orders,
    }
    assert api.asked_for("/moved")


def test_a_stop_between_pages_keeps_what_was_committed(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        bench.link.stopping = ask.query["page"] == "2"
        return numbered_pages(ask)

    api.paths["/people"] = answer
    resources = [{"name": "people", "paginator": "page_number"}]
    with pytest.raises(Stop):
        bench.extract("rest_api", base_url=api.url, resources=resources, slice_rows=10)
    assert bench.column("people", "id") == list(range(1, 11))
    api.paths["/people"] = numbered_pages
    bench.extract("rest_api", base_url=api.url, resources=resources, slice_rows=10)
    assert bench.column("people", "id") == list(range(1, 26))


def test_an_incremental_resource_brings_only_what_is_new(bench: Any, api: FakeApi) -> None:
    rows = [{"id": n, "updated_at": f"2026-01-0{n}T00:00:00Z"} for n in range(1, 5)]
    api.paths["/orders"] = lambda ask: [row for row in rows if row["updated_at"] >= ask.query["since"]]
    incremental = {"cursor_path": "updated_at", "param": "since", "initial_value": "2026-01-02T00:00:00Z"}
    definition = {"base_url": api.url, "resources": [{"name": "orders", "incremental": incremental}]}
    bench.extract("rest_api", **definition)
    assert bench.column("orders", "id") == [2, 3, 4]
    assert bench.commits[-1]["replace"] is False
    bench.next_run()
    rows += [{"id": 5, "updated_at": "2026-01-04T00:00:00Z"}, {"id": 6, "updated_at": "2026-01-06T00:00:00+00:00"}]
    bench.extract("rest_api", **definition)
    assert bench.column("orders", "id") == [5, 6]
    bench.next_run()
    assert bench.extract("rest_api", **definition)["recordsProcessed"] == 0
    bench.next_run()
    assert bench.extract("rest_api", incremental=False, **definition)["recordsProcessed"] == 5
    assert bench.commits[-1]["replace"] is True


def test_two_runs_at_once_cannot_add_the_same_rows_twice(bench: Any, api: FakeApi) -> None:
    api.paths["/orders"] = lambda ask: [{"id": 1}]
    bench.conflict = "018f0000-0000-7000-8000-0000000000ff"
    with pytest.raises(Permanent, match="meanwhile"):
        bench.extract(
            "rest_api", base_url=api.url, resources=[{"name": "orders", "incremental": {"cursor_path": "id"}}]
        )
    assert bench.checkpoint is None


def test_slices_are_time_windows_that_each_move_the_cursor(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        return [{"at": ask.query["from"]}] if ask.query["from"] < ask.query["to"] else []

    api.paths["/events"] = answer
    slices = {"param_start": "from", "param_end": "to", "days": 10}
    resource = {"name": "events", "incremental": {"cursor_path": "at"}, "slices": slices}
    definition: dict[str, Any] = {"base_url": api.url, "resources": [resource], "start_date": "2026-10-01"}
    result = bench.extract("rest_api", **definition)
    assert api.asked[0].query == {"from": "2026-10-01T00:00:00Z", "to": "2026-10-11T00:00:00Z"}
    assert len(api.asked) == len(bench.commits) == result["recordsProcessed"]
    assert all(commit["visible"] and commit["cursor"] for commit in bench.commits)
    total = len(bench.commits)
    assert bench.entries[2] == ("slice_started", f"Slice 1/{total} for events")
    assert bench.commits[0]["logs"][0]["message"] == f"Slice 1/{total}: 1 row"
    last = api.asked[-1].query["from"]
    bench.next_run()
    bench.extract("rest_api", **definition)
    assert api.asked[total].query["from"] == last


def test_types_that_change_between_pages_lose_nothing(bench: Any, api: FakeApi) -> None:
    pages = [
        [{"id": 1, "v": 1, "extra": None}, {"id": 2, "v": None}],
        [{"id": 3, "v": 2.5, "tags": ["a", 1]}],
        [{"id": 9007199254740993, "v": "three", "tags": {"x": 1}, "ID": 7}],
        [{"id": 123456789012345678901234567890, "v": True}],
        [],
    ]
    api.paths["/things"] = lambda ask: pages[int(ask.query["page"]) - 1]
    bench.extract("rest_api", base_url=api.url, resources=[{"name": "things", "paginator": "page_number"}])
    assert bench.column("things", "v") == ["1", None, "2.5", "three", "true"]
    assert bench.column("things", "id") == ["1", "2", "3", "9007199254740993", "123456789012345678901234567890"]
    assert bench.column("things", "tags") == [None, None, '["a",1]', '{"x":1}', None]
    assert "id_2" in bench.table("things").column_names
    assert {"name": "v", "type": "VARCHAR"} in bench.commits[-1]["columns"]


def test_declared_columns_have_their_type(bench: Any, api: FakeApi) -> None:
    api.paths["/sales"] = lambda ask: [{"on": "2026-01-05", "at": "2026-01-05T10:00:00+02:00", "n": "7"}]
    columns = {"on": "date", "at": "timestamp", "n": "bigint"}
    bench.extract("rest_api", base_url=api.url, resources=[{"name": "sales", "columns": columns}])
    row = bench.table("sales").to_pylist()[0]
    assert (row["on"].isoformat(), row["at"].isoformat(), row["n"]) == ("2026-01-05", "2026-01-05T08:00:00+00:00", 7)
    api.paths["/sales"] = lambda ask: [{"on": "soon"}]
    bench.next_run()
    with pytest.raises(Permanent, match="declared date"):
        bench.extract("rest_api", base_url=api.url, resources=[{"name": "sales", "columns": columns}])


@pytest.mark.parametrize(
    ("credentials", "config", "header", "value"),
    [
        ({"token": "abcd1234"}, {}, "authorization", "Bearer abcd1234"),
        ({"api_key": "abcd1234"}, {}, "x-api-key", "abcd1234"),
        ({"api_key": "abcd1234"}, {"auth": {"name": "X-Shop-Key"}}, "x-shop-key", "abcd1234"),
        ({"username": "ada", "password": "pw"}, {}, "authorization", "Basic YWRhOnB3"),
    ],
)
def test_credentials_come_from_the_connection(
    bench: Any, api: FakeApi, credentials: Any, config: Any, header: str, value: str
) -> None:
    api.rows("/people", PEOPLE, 10)
    bench.connection = secret(api.url, credentials, **config)
    bench.extract("rest_api", resources=["people"])
    assert {ask.headers[header] for ask in api.asked} == {value}
    assert set(bench.column("people", "_connection_id")) == {bench.connection.id}


def test_a_key_in_the_query_is_sent_and_stays_out_of_checkpoint_and_log(bench: Any, api: FakeApi) -> None:
    def echo(ask: Ask) -> Any:
        if ask.query.get("page") == "3":
            return Say({"your key": ask.query["key"]}, 500)
        return Say(
            numbered_pages(ask), headers={"Link": f"</people?page={int(ask.query.get('page', 1)) + 1}>; rel=next"}
        )

    api.paths["/people"] = echo
    bench.connection = secret(api.url, {"api_key": "s3cr3tkey"}, auth={"name": "key", "location": "query"})
    with pytest.raises(RunError):
        bench.extract("rest_api", resources=["people"])
    assert {ask.query["key"] for ask in api.asked} == {"s3cr3tkey"}
    assert "s3cr3tkey" not in f"{bench.link.asked}{bench.link.logs}{bench.checkpoint}"


def test_credentials_never_follow_to_another_host(bench: Any, api: FakeApi) -> None:
    elsewhere = api.url.replace("127.0.0.1", "localhost")
    api.paths["/moved"] = lambda ask: Say(status=302, headers={"Location": f"{elsewhere}/people"}, body={})
    api.paths["/people"] = lambda ask: Say([{"id": 1}], headers={"Link": f'<{elsewhere}/more>; rel="next"'})
    api.paths["/more"] = lambda ask: [{"id": 2}]
    bench.connection = secret(api.url, {"api_key": "abcd1234"})
    bench.extract("rest_api", resources=["moved", "people"])
    sent = {(ask.headers["host"].split(":")[0], "x-api-key" in ask.headers) for ask in api.asked}
    assert sent == {("127.0.0.1", True), ("localhost", False)}
    api.paths["/more"] = lambda ask: Say({}, 401)
    with pytest.raises(Permanent, match=f"credentials go to {api.url} alone"):
        bench.extract("rest_api", resources=[{"name": "others", "path": "people"}])
    with pytest.raises(Permanent, match="own base_url"):
        bench.extract("rest_api", base_url="http://other.example", resources=["people"])


def test_what_a_source_leaves_open_is_never_passed_over(bench: Any, api: FakeApi) -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (lambda ask: {"data": [{"id": 1}], "total": 3}, {}, "1 of 3 rows"),
        (lambda ask: {"data": [{"id": 1}], "has_more": True}, {}, "there is more"),
        (lambda ask: {"data": [{"id": 1}]}, {"data_selector": "rows"}, "nothing at the data_selector"),
        (lambda ask: [{"id": 1}], {"paginator": "page_number"}, "over and over"),
        (lambda ask: [{"id": 1}], {"incremental": {"cursor_path": "updated"}}, "no row has it"),
    ]
    for answer, fields, message in cases:
        api.paths["/people"] = answer
        with pytest.raises(Permanent, match=message) as raised:
            bench.extract("rest_api", base_url=api.url, resources=[{"name": "people"} | fields])
        assert raised.value.code is ErrorCode.DATA_ERROR
        bench.next_run()


def test_an_empty_resource_is_no_error(bench: Any, api: FakeApi) -> None:
    api.paths["/people"] = lambda ask: {"data": [], "total": 0}
    result = bench.extract("rest_api", base_url=api.url, resources=["people"])
    assert (result["recordsProcessed"], result["tables"], result["artifacts"]) == (0, ["people"], [])
    assert bench.commits[0]["complete"] is True
    assert bench.asked("announce") == []


# Secrets of the definition ------------------------------------------------------------------------------------------

CANARY = "c4nary-0123456789"


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"PRIVATE-TOKEN": CANARY}},
        {"headers": {"X-Hook": {"kind": "secret", "value": CANARY}}},
        {"headers": {"X-Hook": f"Bearer {CANARY}"}},
        {"params": {"token": CANARY}},
        {"params": {"x": {"kind": "secret", "value": CANARY}}},
        {"resources": [{"name": "items", "headers": {"X-Shopify-Access-Token": CANARY}}]},
        {"resources": [{"name": "items", "params": {"sig": CANARY}}]},
    ],
)
@pytest.mark.parametrize("status", [200, 302, 307, 400])
def test_a_secret_of_a_definition_goes_to_its_host_and_is_in_nothing_that_is_said(
    bench: Any, api: FakeApi, fields: dict[str, Any], status: int
) -> None:
    with serving() as other:
        echo = lambda ask: str([ask.query, ask.headers])  # noqa: E731
        other.paths["/items"] = lambda ask: [{"id": 1}]
        api.paths["/items"] = lambda ask: (
            [{"id": 1}]
            if status == 200
            else Say({"echo": echo(ask)}, status, {"Location": f"{other.url}/items"} if status < 400 else {})
        )
        definition = {"base_url": api.url, "resources": ["items"], "paginator": "single_page"} | fields
        told: Any = None
        try:
            told = bench.extract("rest_api", **definition)
        except RunError as error:
            told = error.as_json()
        assert CANARY in echo(api.asked[0])
        assert CANARY not in "".join(echo(ask) for ask in other.asked)
        assert (status in (302, 307)) == bool(other.asked)
    said = [told, bench.link.logs, bench.link.progresses, bench.link.asked, bench.checkpoint]
    assert CANARY not in str(said)


def test_a_secret_parameter_is_on_every_page_and_once(bench: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: {
        "results": [{"id": int(ask.query.get("page", "1"))}],
        "next": f"{api.url}/items?page=2&token={CANARY}" if "page" not in ask.query else None,
    }
    bench.extract("rest_api", base_url=api.url, resources=["items"], params={"token": CANARY}, paginator="json_link")
    assert [ask.query["token"] for ask in api.asked] == [CANARY, CANARY]
    assert CANARY not in str([bench.link.logs, bench.link.asked, bench.checkpoint])
