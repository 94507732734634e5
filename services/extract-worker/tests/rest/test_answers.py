"""What csv and JSON answers hold: sentences are no tables, pages have the columns of those before, texts are whole."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_testkit.servers.json_api import FakeApi, Say


def failing(bench: Any, api: FakeApi, words: Any, match: str) -> RunError:
    with pytest.raises(RunError, match=match) as raised:
        bench.extract("rest_api", base_url=api.url, resources=[{"name": "things", "response_format": "csv"} | words])
    return raised.value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        *((b"No data found", words) for words in (
            {"names": ["id"]}, {"names": ["id", "v"]}, {"header": False}, {"header": False, "names": ["id"]},
            {"skip_lines": 0, "columns": {"amount": "double"}},
        )),
        (b"Sorry, no data", {"delimiter": ";"}),
        (b"Sorry, no data", {"names": ["id", "v"]}),
        (b"Sorry, no data", {"columns": {"amount": "double", "id": "bigint"}}),
        (b"# export\nNo data found", {"skip_lines": 1}),
    ],
)  # fmt: skip
def test_a_sentence_is_no_table_whatever_the_words_say(bench: Any, api: FakeApi, body: bytes, words: Any) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body)
    failing(bench, api, words, "it is one line of text|no CSV")


@pytest.mark.parametrize(
    "body", [b"error,message\n401,expired\n", b"Error\nexpired\n", b"Status;Error code\n401;x\n", b"exception\nx"]
)
def test_a_table_of_nothing_but_an_error_is_an_error(bench: Any, api: FakeApi, body: bytes) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body)
    failing(bench, api, {}, "its only columns are those of an error")
    first = body.replace(b";", b",").split(b"\n")[0].decode().split(",")[0]
    bench.extract(
        "rest_api",
        base_url=api.url,
        resources=[{"name": "things", "response_format": "csv", "columns": {first: "text"}}],
    )
    assert bench.table("things").num_rows == 1


@pytest.mark.parametrize(
    "body", [b"error,job\nx,1\n", b"message,status\nhello,1\n", b"error,message\n1,a\n2,b\n", b"error\n"]
)
def test_a_table_about_errors_is_a_table(bench: Any, api: FakeApi, body: bytes) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body + b"more,rows\n" if body == b"" else body)
    if body == b"error\n":
        failing(bench, api, {}, "one line of text")
        return
    bench.extract("rest_api", base_url=api.url, resources=[{"name": "things", "response_format": "csv"}])
    assert bench.table("things").num_rows == body.count(b"\n") - 1


def paged_csv(head: str, end: str, rows: int = 25) -> Any:
    """Ten rows a page; `end` is the page after the last one."""

    def serve(ask: Any) -> Any:
        page = int(ask.query.get("page", 1))
        part = range(1, rows + 1)[page * 10 - 10 : page * 10]
        width = head.count(",")
        return Say(raw=(head + "".join(f"{i}{',a' * width}\n" for i in part) if part else end).encode())

    return serve


@pytest.mark.parametrize("head", ["Order id\n", "order_id\n", "@timestamp\n", "price(EUR)\n", "Größe\n", "a b,c d\n"])
@pytest.mark.parametrize("is_killed", [False, True])
def test_the_header_alone_is_the_last_page(bench: Any, api: FakeApi, head: str, is_killed: bool) -> None:
    api.paths["/things"] = paged_csv(head, head)
    things = {"name": "things", "response_format": "csv", "paginator": "page_number"}
    if is_killed:  # the attempt before has seen the rows, and this one the last page only
        api.paths["/things"] = paged_csv(head, "Sorry, the rate limit is reached\n")
        failing(bench, api, things, "none of the columns")
        api.paths["/things"] = paged_csv(head, head)
    bench.extract("rest_api", base_url=api.url, resources=[things])
    assert sum(file["rows"] for commit in bench.commits for file in commit["files"]) == 25


@pytest.mark.parametrize(
    "end", ["No more data", "Sorry, rate limit", "Unauthorised", "x,y\n", "Error\nboom\n", "NoData"]
)
def test_a_page_with_none_of_the_columns_before_is_no_page(bench: Any, api: FakeApi, end: str) -> None:
    api.paths["/things"] = paged_csv("id,v\n", end)
    error = failing(bench, api, {"paginator": "page_number"}, "none of the columns that the answers before it had")
    assert error.code is ErrorCode.DATA_ERROR


@pytest.mark.parametrize("end", ["", "\n", "id,v\n", "V,id\n", "id\n"])
def test_a_page_without_rows_ends_csv_pages(bench: Any, api: FakeApi, end: str) -> None:
    api.paths["/things"] = paged_csv("id,v\n", end)
    bench.extract(
        "rest_api", base_url=api.url,
        resources=[{"name": "things", "response_format": "csv", "paginator": "page_number"}],
    )  # fmt: skip
    assert len(bench.column("things", "id")) == 25


@pytest.mark.parametrize(("body", "columns"), [
        (b"order_id\n", {}), (b"Order id\n", {"order id": "text"}), (b"Order no, Item no\n", {}),
        (b"Error,Retry\n", {}), (b"Customer name,Order id\n", {}),
    ],
)  # fmt: skip
def test_the_header_of_the_only_column_is_no_sentence(
    bench: Any, api: FakeApi, body: bytes, columns: dict[str, str]
) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body)
    things = {"name": "things", "response_format": "csv", "columns": columns}
    bench.extract("rest_api", base_url=api.url, resources=[things])
    assert sum(file["rows"] for commit in bench.commits for file in commit["files"]) == 0


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"help": "https://x", "success": True, "result": ["a", "b"]}, ["a", "b"]),  # CKAN's package_list
        ({"success": True, "data": ["a", "b"], "count": 2}, ["a", "b"]),
        ({"help": "https://x", "success": True, "result": []}, []),
    ],
)
def test_a_list_of_texts_is_a_row_each(bench: Any, api: FakeApi, body: Any, rows: list[str]) -> None:
    api.paths["/things"] = lambda ask: body
    bench.extract("rest_api", base_url=api.url, resources=["things"])
    files = [file for commit in bench.commits for file in commit["files"]]
    assert (bench.column("things", "value") if files and rows else []) == rows
    assert sum(file["rows"] for file in files) == len(rows)


def test_an_object_that_has_a_result_is_one_row(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = lambda ask: {"name": "a query", "result": ["a", "b"]}
    bench.extract("rest_api", base_url=api.url, resources=["things"])
    assert bench.column("things", "result") == ['["a","b"]']


@pytest.mark.parametrize(
    ("raw", "value", "is_told"),
    [
        (b'{"data": [{"id": 1, "v": "cut \\ud83d"}]}', "cut \ufffd", True),
        (b'{"data": [{"id": 1, "v": {"w": "\\ude00 cut"}}]}', '{"w":"\ufffd cut"}', True),
        (b'{"data": [{"id": 1, "v": "whole \\ud83d\\ude00"}]}', "whole \U0001f600", False),
    ],
)
def test_half_of_a_character_is_told_of(bench: Any, api: FakeApi, raw: bytes, value: str, is_told: bool) -> None:
    api.paths["/things"] = lambda ask: Say(raw=raw)
    bench.extract("rest_api", base_url=api.url, resources=["things"])
    assert bench.column("things", "v") == [value]
    assert [entry[0] for entry in bench.link.logs if entry[0] == "characters_lost"] == ["characters_lost"] * is_told
