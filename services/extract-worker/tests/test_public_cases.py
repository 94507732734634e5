"""What users of dlt, Airbyte and Singer taps have reported, as small sources of our own: every row that is served is in
the table, once, with its values.

The numbers are those of the public reports.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vai_common.errors import Permanent
from vai_testkit.servers.json_api import Say

HOST = "http://source"
ROWS = [{"id": number, "name": f"person {number}"} for number in range(1, 26)]
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)

Query = dict[str, str]


def extracted(new_desk: Any, serve: Callable[[Query], Any], **resource: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = new_desk({"resources": [{"name": "rows"} | resource]}, serve).run()
    return found


def recents(query: Query) -> Any:
    """airbyte 27502: beside the offset of the next page stands the time of the last row of this one."""
    first = int(query.get("start", "0"))
    more = first + 10 < len(ROWS)
    pagination = {"start": first, "limit": 10, "more_items_in_collection": more} | (
        {"next_start": first + 10} if more else {}
    )
    beside = {"since_timestamp": "2026-01-01 03:14:34", "last_timestamp_on_page": f"2026-01-01 {first:02d}:00:00"}
    return {"success": True, "data": ROWS[first : first + 10], "additional_data": beside | {"pagination": pagination}}


def relative(query: Query) -> Any:
    """airbyte 54713: the next page is a path of the host, and its parameter the id of the last row."""
    first = int(query.get("starting_after", "0"))
    rows = ROWS[first : first + 10]
    link = f"/rows?starting_after={rows[-1]['id']}" if first + 10 < len(ROWS) else None
    return {"object": "list", "items": rows, "next_page": link, "url": f"{HOST}/rows"}


def wrapped(query: Query) -> Any:
    """airbyte 76465: rows in a wrapping, and a next offset that is the text of a list."""
    first = json.loads(query["offset"])[0] if "offset" in query else 0
    told = {"next_offset": json.dumps([first + 10, "x"])} if first + 10 < len(ROWS) else {}
    return {"list": [{"subscription": row, "customer": {"id": row["id"]}} for row in ROWS[first : first + 10]]} | told


def incidents(query: Query) -> Any:
    """faros airbyte-connectors 1939: `more` and an offset; the total is null unless it is asked for."""
    first = int(query.get("offset", "0"))
    more = first + 10 < len(ROWS)
    return {"incidents": ROWS[first : first + 10], "limit": 10, "offset": first, "more": more, "total": None}


def without_a_total(query: Query) -> Any:
    """The same with page numbers."""
    page = int(query.get("page", "1"))
    return {"data": ROWS[page * 10 - 10 : page * 10], "page": page, "per_page": 10, "hasNextPage": page < 3}


@pytest.mark.parametrize("serve", [recents, relative, incidents, without_a_total])
def test_pages_that_others_end_early(new_desk: Any, serve: Callable[[Query], Any]) -> None:
    assert extracted(new_desk, serve) == ROWS


def test_rows_in_a_wrapping(new_desk: Any) -> None:
    found = extracted(new_desk, wrapped)
    assert [json.loads(row["subscription"]) for row in found] == ROWS


NOTHING = [None, "", False, 0, "null", "None", [], {}]


@pytest.mark.parametrize("word", NOTHING, ids=repr)
@pytest.mark.parametrize("paginator", [{"type": "json_link", "next_url_path": "next"}, "auto"], ids=["named", "auto"])
def test_every_word_for_no_next_page_is_the_end(new_desk: Any, word: Any, paginator: Any) -> None:
    """meltano tap-rest-api-msdk and many others: what stands where there is no next page."""

    def serve(query: Query) -> Any:
        first = int(query.get("at", "0"))
        link = f"{HOST}/rows?at={first + 10}" if first + 10 < len(ROWS) else word
        return {"data": ROWS[first : first + 10], "next": link}

    assert extracted(new_desk, serve, paginator=paginator) == ROWS


def test_an_export_by_time_whose_pages_overlap(new_desk: Any) -> None:
    """dlt verified-sources 659: each page begins with the second at which the one before ended, and a link is always
    there; a flag tells the end.
    """
    tickets = [{"id": n, "generated_timestamp": 100 + n // 4} for n in range(50)]

    def serve(query: Query) -> Any:
        since = int(query.get("start_time", "0"))
        rows = [each for each in tickets if each["generated_timestamp"] >= since][:12]
        end = rows[-1]["generated_timestamp"]
        done = rows[-1] == tickets[-1]
        body = {"tickets": rows, "count": len(rows), "end_of_stream": done, "end_time": end}
        return body | {"next_page": f"{HOST}/rows?start_time={end}"}

    found = extracted(
        new_desk, serve, data_selector="tickets", paginator={"type": "json_link", "next_url_path": "next_page"}
    )
    assert found == tickets


@pytest.mark.parametrize("kills", [(), (2,), (3, 2), (2, 2, 2)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_kill_between_rows_of_one_value(new_desk: Any, size: int, kills: tuple[int, ...]) -> None:
    """airbyte 15427, meltano sdk 1165: a state that was saved between rows of one value hides the others."""
    rows = [{"id": n, "at": [16, 16, 16, 17, 17, 18, 18][n]} for n in range(7)]

    def serve(query: Query) -> Any:
        page, since = int(query["page"]), int(query.get("since", "0"))
        found = [row for row in rows if row["at"] >= since]
        return found[(page - 1) * size : page * size]

    resource = {"name": "rows", "primary_key": "id", "incremental": {"cursor_path": "at", "param": "since"}}
    desk = new_desk({"resources": [resource], "paginator": "page_number", "slice_rows": 1}, serve)
    desk.run(*kills)
    rows.append({"id": 7, "at": 18})
    desk.run()
    assert sorted(row["id"] for row in desk.seen) == list(range(8))


@pytest.mark.parametrize("size", [4, 5, 50])
def test_more_rows_of_one_moment_than_a_page_has(new_desk: Any, size: int) -> None:
    """reso-tools 254: paging by the time itself cannot pass a moment with more rows than a page."""
    rows: list[dict[str, Any]] = [{"id": n, "at": (BEGIN + timedelta(seconds=n // 20)).isoformat()} for n in range(60)]

    def serve(query: Query) -> Any:
        found = [row for row in rows if row["at"] >= query.get("ge", "")]
        first = int(query.get("skip", "0"))
        link = f"{HOST}/rows?skip={first + size}" + (f"&ge={query['ge'].replace('+', '%2B')}" if "ge" in query else "")
        return {"value": found[first : first + size]} | ({"@odata.nextLink": link} if first + size < len(found) else {})

    resource = {"name": "rows", "incremental": {"cursor_path": "at", "param": "ge"}}
    desk = new_desk({"resources": [resource]}, serve)
    assert desk.run() == rows
    assert desk.run() == []


def test_ids_within_each_window_begin_anew(new_desk: Any) -> None:
    """tap-shopify 29: a mark of ids from the last window hid rows of the next one."""
    rows: list[dict[str, Any]] = [
        {"id": 1000 - n, "created": (BEGIN + timedelta(hours=6 * n)).isoformat()} for n in range(40)
    ]

    def serve(query: Query) -> Any:
        start, end = (query[name].replace("Z", "+00:00") for name in ("from", "to"))
        inside = sorted((r for r in rows if start <= r["created"] < end), key=lambda row: row["id"])
        found = [row for row in inside if row["id"] > int(query.get("since_id", "0"))][:3]
        return {"orders": found, "last": found[-1]["id"] if found else None}

    resource = {
        "name": "rows",
        "data_selector": "orders",
        "slices": {"param_start": "from", "param_end": "to", "days": 2},
        "paginator": {"type": "cursor", "cursor_path": "last", "cursor_param": "since_id"},
        "write_disposition": "append",
    }
    desk = new_desk({"resources": [resource], "start_date": BEGIN.isoformat()}, serve)
    assert sorted(row["id"] for row in desk.run()) == sorted(row["id"] for row in rows)


def test_a_mark_is_the_largest_value_whatever_its_spelling(new_desk: Any) -> None:
    """dlt 3064, 3203: of days with and without a time or a zone, the last one seen was kept and not the largest."""
    rows = [{"id": 1, "at": "2026-03-09"}, {"id": 2, "at": "2026-03-10T08:00:00+02:00"}, {"id": 3, "at": "2026-03-10"}]
    pages = [rows[:2], rows[2:]]
    serve = lambda query: pages[int(query["page"]) - 1] if int(query["page"]) <= len(pages) else []  # noqa: E731
    resource = {"name": "rows", "incremental": {"cursor_path": "at"}}
    desk = new_desk({"resources": [resource], "paginator": "page_number"}, serve)
    assert [row["id"] for row in desk.run()] == [1, 2, 3]
    pages.append([{"id": 4, "at": "2026-03-10T07:00:00Z"}])
    assert [row["id"] for row in desk.run()] == [4]


def test_what_has_no_effect_is_refused(new_desk: Any) -> None:
    """dlt verified-sources 518: an end that stood beside a parameter was taken and ignored."""
    since = {"type": "incremental", "cursor_path": "at", "initial_value": 1, "end_value": 5}
    with pytest.raises(ValueError, match=r"params|incremental"):
        extracted(new_desk, lambda query: ROWS, params={"since": since})


EXACT = ["1884518522.1684267241", "67.174118", "0.1", "1e-7", "123456789012345678901234567890", "-0.0", "1E400"]


@pytest.mark.parametrize("place", ["flat", "nested", "jsonl"])
def test_numbers_with_many_digits(bench: Any, api: Any, tmp_path: Path, place: str) -> None:
    """airbyte 28940, 31083, 29590: digits behind the sixteenth were rounded on the way."""
    for number in EXACT:
        text = f'{{"id": 1, "v": {number}}}' if place != "nested" else f'{{"id": 1, "v": {{"w": [{number}]}}}}'
        bench.next_run()
        if place == "jsonl":
            (tmp_path / "in").mkdir(exist_ok=True)
            (tmp_path / "in" / "rows.jsonl").write_text(text + "\n")
            bench.files_root = str(tmp_path / "in")
            bench.extract("filesystem", resources=[{"name": "rows", "path": "rows.jsonl"}])
        else:
            said = Say(raw=f"[{text}]".encode())
            api.paths["/rows"] = lambda ask: said
            bench.extract("rest_api", base_url=api.url, resources=["rows"])
        (value,) = bench.column("rows", "v")
        if place == "nested":
            assert value == f'{{"w":[{number}]}}'
        elif isinstance(value, float):
            assert (repr(value), value) == (repr(float(number)), float(number))
            assert len(number) < 18
        else:
            assert str(value) == number


def test_a_kind_that_changes_after_many_rows(bench: Any, tmp_path: Path) -> None:
    """texera 6279, SFrame 23: rows behind the sample that decided the types were dropped, or cut to their digits."""
    values: list[Any] = [*range(70_000), "9a", "2026-01-01", 0.5, True, None, "0042"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rows.jsonl").write_text("".join(json.dumps({"age": each}) + "\n" for each in values))
    (tmp_path / "in" / "rows.csv").write_text("n,age\n" + "".join(f"1,{'' if e is None else e}\n" for e in values))
    bench.files_root = str(tmp_path / "in")
    for name in ("rows.jsonl", "rows.csv"):
        bench.next_run()
        bench.extract("filesystem", resources=[{"name": "rows", "path": name}])
        texts = bench.column("rows", "age")
        spelled = [
            str(each).lower() if isinstance(each, bool) and name == "rows.jsonl" else str(each) for each in values
        ]
        assert [None if each is None else str(each) for each in texts] == [
            None if each == "None" else each for each in spelled
        ]


def test_a_first_row_is_no_header_because_it_looks_like_one(bench: Any, tmp_path: Path) -> None:
    """ClickHouse 112105: a file without a header lost its first row where that row's type was unlike the others."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rows.tsv").write_text("0.0\tx\n10.5\ty\n2.3\tz\n")
    bench.files_root = str(tmp_path / "in")
    bench.extract("filesystem", resources=[{"name": "rows", "path": "rows.tsv", "header": False}])
    assert [str(each) for each in bench.column("rows", "column_1")] == ["0.0", "10.5", "2.3"]
    bench.next_run()
    bench.extract("filesystem", resources=[{"name": "rows", "path": "rows.tsv"}])
    assert bench.table("rows").column_names[:2] == ["0.0", "x"]


def test_a_column_that_comes_and_goes(bench: Any, api: Any) -> None:
    """airbyte 77627: rows were lost where the columns of a source changed between increments."""
    rows: list[dict[str, Any]] = [{"id": n, "at": n, "stage": "a"} for n in range(5)]
    api.paths["/rows"] = lambda ask: rows
    given = {"base_url": api.url, "resources": [{"name": "rows", "incremental": {"cursor_path": "at"}}]}
    seen: list[Any] = []
    for change in ({"amount": 1.5}, {"stage": None}, {"Stage": "b", "amount": "n/a"}, {}):
        bench.next_run()
        bench.extract("rest_api", **given)
        seen += bench.column("rows", "id") if bench.commits and any(each["files"] for each in bench.commits) else []
        rows = [row for row in rows if row["id"] % 2] + [{"id": len(seen), "at": len(seen)} | change]
    assert sorted(seen) == list(range(8))


def test_an_answer_that_names_no_list_is_no_empty_table(new_desk: Any) -> None:
    """airbyte 34446 and its kind: what could not be found was taken for no rows at all."""
    with pytest.raises(Permanent, match="data_selector"):
        extracted(new_desk, lambda query: {"results": ROWS, "total": 25}, data_selector="companies")
