"""What a REST definition can say of its requests and of their answers; each over a kill in the middle."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_worker.children.link import Stop

ROWS = [{"id": number, "updated_at": f"2026-01-{number:02}T00:00:00Z"} for number in range(1, 29)]
IDS = [row["id"] for row in ROWS]


def extracted(bench: Any, api: FakeApi, resource: dict[str, Any], kill_at: int | None = 3, **fields: Any) -> list[Any]:
    """The ids that came, in order, after a stop at a request and a second attempt."""
    inner = api.paths["/things"]

    def answer(ask: Ask) -> Any:
        bench.link.stopping = len(api.asked) == kill_at
        return inner(ask)

    api.paths["/things"] = answer
    given = {"base_url": api.url, "resources": [{"name": "things"} | resource], "slice_rows": 5} | fields
    try:
        bench.extract("rest_api", **given)
    except Stop:
        bench.extract("rest_api", **given)
    found: list[Any] = bench.column("things", "id")
    return found


def graphql(ask: Ask) -> Any:
    assert ask.method == "POST"
    assert ask.headers["content-type"] == "application/json"
    assert ask.json["query"] == "query($after: String) { things(after: $after) { id } }"
    after = int(ask.json["variables"].get("after") or 0)
    more = after + 5 < len(ROWS)
    info = {"hasNextPage": more, "endCursor": str(after + 5) if more else None}
    return {"data": {"things": {"nodes": ROWS[after : after + 5], "pageInfo": info}}}


def offset_in_body(ask: Ask) -> Any:
    page = ask.json["page"]
    return {"results": ROWS[page["from"] : page["from"] + page["size"]]}


def page_in_body(ask: Ask) -> Any:
    first = (ask.json["page"] - 1) * 5
    return {"results": ROWS[first : first + 5]}


@pytest.mark.parametrize(
    ("answer", "resource"),
    [
        (
            graphql,
            {
                "json": {"query": "query($after: String) { things(after: $after) { id } }", "variables": {"first": 5}},
                "data_selector": "data.things.nodes",
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "data.things.pageInfo.endCursor",
                    "cursor_body_path": "variables.after",
                },
            },
        ),
        (
            offset_in_body,
            {
                "method": "post",
                "paginator": {
                    "type": "offset",
                    "limit": 5,
                    "offset_body_path": "page.from",
                    "limit_body_path": "page.size",
                },
            },
        ),
        (page_in_body, {"json": {}, "method": "POST", "paginator": {"type": "page_number", "page_body_path": "page"}}),
    ],
)
@pytest.mark.parametrize("kill_at", [None, 1, 3, 5])
def test_pages_can_be_asked_for_in_the_body(
    bench: Any, api: FakeApi, answer: Any, resource: dict[str, Any], kill_at: int | None
) -> None:
    api.paths["/things"] = answer
    assert extracted(bench, api, resource, kill_at) == IDS


def test_a_form_can_be_posted(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        assert (ask.method, ask.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
        assert ask.body == b"q=a%26b&status=1&status=2"
        return ROWS

    api.paths["/things"] = answer
    assert extracted(bench, api, {"data": {"q": "a&b", "status": [1, 2]}}, None) == IDS


def test_a_parameter_can_be_repeated(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        assert ask.repeated["status"] == ["open", "done"]
        page = int(ask.query["page"])
        return ROWS[(page - 1) * 5 : page * 5]

    api.paths["/things"] = answer
    resource = {"params": {"status": ["open", "done"]}, "paginator": "page_number"}
    assert extracted(bench, api, resource) == IDS


def since(ask: Ask) -> Any:
    given = ask.query.get("filter", "ge(updated,)")
    assert given.startswith("ge(updated,")
    return [row for row in ROWS if row["updated_at"] >= given[11:-1]]


def test_an_increment_can_stand_in_an_expression(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = since
    resource = {
        "params": {"filter": "ge(updated,{incremental.start_value})"},
        "incremental": {"cursor_path": "updated_at"},
        "primary_key": "id",
    }
    assert extracted(bench, api, resource, None) == IDS
    assert "filter" not in api.asked[0].query, "there was no value yet"
    bench.next_run()
    later = {"id": 99, "updated_at": "2026-02-01T00:00:00Z"}
    api.paths["/things"] = lambda ask: [*since(ask), later]
    assert extracted(bench, api, resource, None) == [99]
    assert api.asked[-1].query["filter"] == "ge(updated,2026-01-28T00:00:00Z)"


def test_an_increment_can_stand_in_a_body_and_in_the_path(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        assert ask.json == {"filters": [{"op": "GTE", "value": "2026-01-10"}], "note": "{x} {not.one}"}
        return ROWS[9:]

    api.default = answer
    resource = {
        "name": "things",
        "path": "since/{incremental.start_value}/things",
        "json": {"filters": [{"op": "GTE", "value": "{incremental.initial_value}"}], "note": "{x} {not.one}"},
        "incremental": {"cursor_path": "updated_at", "initial_value": "2026-01-10"},
    }
    bench.extract("rest_api", base_url=api.url, resources=[resource])
    assert bench.column("things", "id") == IDS[9:]
    assert api.asked[0].path == "/since/2026-01-10/things"


def test_a_number_in_a_body_stays_a_number(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = lambda ask: [{"id": ask.json["after"] + 1}]
    resource = {
        "json": {"after": "{incremental.start_value}"},
        "incremental": {"cursor_path": "id", "initial_value": 0},
    }
    assert extracted(bench, api, resource, None) == [1]
    bench.next_run()
    assert extracted(bench, api, resource, None) == [2]


def test_a_window_can_stand_in_one_parameter(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        start, end = ask.query["between"].split("..")
        return [row for row in ROWS if start <= row["updated_at"][:10] <= end]

    api.paths["/things"] = answer
    resource = {
        "params": {"between": "{slice.start}..{slice.end}"},
        "slices": {"days": 7, "format": "date", "end": "inclusive"},
        "write_disposition": "append",
    }
    assert extracted(bench, api, resource, 3, start_date="2026-01-01") == IDS


def test_a_404_after_the_last_page_can_be_the_end(bench: Any, api: FakeApi) -> None:
    def answer(ask: Ask) -> Any:
        page = int(ask.query["page"])
        return ROWS[(page - 1) * 7 : page * 7] if page < 5 else Say({"code": "rest_post_invalid_page_number"}, 404)

    api.paths["/things"] = answer
    actions = [{"status_code": 404, "content": "invalid_page"}]
    assert extracted(bench, api, {"paginator": "page_number", "response_actions": actions}) == IDS


def test_only_the_status_and_content_that_are_named_are_no_error(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = lambda ask: Say({"code": "another"}, 404)
    with pytest.raises(Permanent) as raised:
        extracted(bench, api, {"response_actions": [{"status_code": 404, "content": "invalid_page"}]}, None)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR


@pytest.mark.parametrize(
    ("fmt", "body"),
    [
        ("jsonl", b'{"id": 1, "a": "x"}\n\n{"id": 2, "a": null}\r\n{"id": 12345678901234567890123, "a": "y"}'),
        ("csv", b'\xef\xbb\xbfid,a\r\n1,x\n2,\n12345678901234567890123,"y"\n'),
    ],
)
def test_answers_can_be_json_lines_or_csv(bench: Any, api: FakeApi, fmt: str, body: bytes) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body)
    assert [str(one) for one in extracted(bench, api, {"response_format": fmt}, None)] == [
        "1",
        "2",
        "1" + "2345678901" * 2 + "23",
    ]
    assert bench.column("things", "a") == ["x", None, "y"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"id;a\n1;x,y\n2;\n", {}),
        ("id\ta\n1\tx,y\n2\t\n".encode("utf-16"), {}),
        (b"id|a\n1|'x,y'\n2|NULL\n", {"quote": "'", "null_words": ["NULL"]}),
        (b"a report\n\nid~a\n1~x,y\n2~\n", {"delimiter": "~", "skip_lines": 1}),
        (b'1,"x,y"\n2,\n', {"header": False, "names": ["id", "a"]}),
    ],
)
def test_csv_answers_have_the_words_of_csv_files(bench: Any, api: FakeApi, body: bytes, words: dict[str, Any]) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body)
    assert extracted(bench, api, {"response_format": "csv"} | words, None) == ["1", "2"]
    assert bench.column("things", "a") == ["x,y", None]


def test_a_csv_answer_may_have_another_encoding(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = lambda ask: Say(raw="id;Größe\n1;2,5\n".encode("cp1252"))
    extracted(bench, api, {"response_format": "csv", "encoding": "cp1252"}, None)
    assert bench.column("things", "Größe") == ["2,5"]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("iso-8859-1", "latin-1"),
        ('"Windows-1252"', "cp1252"),
        ("UTF-8", "utf-8"),
        ("iso-8859-1", "utf-8"),
        ("utf-16le", "utf-16le"),
        ("no-such-thing", "utf-8"),
    ],
)
def test_a_csv_answer_says_its_encoding(bench: Any, api: FakeApi, charset: str, encoding: str) -> None:
    headers = {"Content-Type": f"text/csv; header=present; charset={charset}"}
    api.paths["/things"] = lambda ask: Say(raw="id;Größe\n1;ß\n".encode(encoding), headers=headers)
    extracted(bench, api, {"response_format": "csv"}, None)
    assert bench.column("things", "Größe") == ["ß"]


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("iso-8859-1", "latin-1"),
        ("iso-8859-1", "utf-8"),
        ("shift_jis", "shift_jis"),
        ("hex", "utf-8"),
        ("", "utf-8-sig"),
    ],
)
def test_json_may_have_the_encoding_that_its_server_names(
    bench: Any, api: FakeApi, form: str, charset: str, encoding: str
) -> None:
    text = "ß" if encoding != "shift_jis" else "表"
    headers = {"Content-Type": f"application/json; charset={charset}"}
    api.paths["/things"] = lambda ask: Say(raw=f'{{"id": 1, "a": "{text}"}}'.encode(encoding), headers=headers)
    extracted(bench, api, {"response_format": form}, None)
    assert bench.column("things", "a") == [text]


def test_a_named_encoding_is_better_than_that_of_the_answer(bench: Any, api: FakeApi) -> None:
    headers = {"Content-Type": "text/csv; charset=iso-8859-1"}
    api.paths["/things"] = lambda ask: Say(raw="id;a\n1;€\n".encode("cp1252"), headers=headers)
    extracted(bench, api, {"response_format": "csv", "encoding": "cp1252"}, None)
    assert bench.column("things", "a") == ["€"]


@pytest.mark.parametrize(
    ("fmt", "body", "word"),
    [
        ("jsonl", b'{"id": 1}\n{"id": ', "line 2"),
        ("csv", b"id,a\n1,2,3\n", "line 2: the row has 3 fields where the header has 2"),
        ("csv", b'id,a\n1,"2\n', "line 2"),
        ("csv", b"id\n\xff\n", "no CSV (the answer is no UTF-8 text in line 2; set encoding"),
        ("csv", b"<html>\n<body>Login</body>\n</html>", "HTML"),
        ("csv", b'{"error": "not ready"}', "not ready"),
        ("csv", b'[{"id": 1}]', "it is JSON"),
        ("csv", b"No data found", "it is one line of text"),
        ("csv", b"Unauthorized\n", "it is one line of text"),
        ("csv", "Keine Daten für diesen Tag.\r\n".encode(), "it is one line of text"),
        ("csv", b"Sorry, no data", "it is one line of text"),
        ("csv", "Datei nicht gefunden, bitte später erneut versuchen".encode(), "it is one line of text"),
        ("csv", b"No data found\tplease retry", "it is one line of text"),
        ("csv", b'"Sorry, no data found"', "it is one line of text"),
        ("csv", b"NoData", "it is one line of text"),
    ],
)
def test_what_is_no_such_text_is_an_error_without_its_content(
    bench: Any, api: FakeApi, fmt: str, body: bytes, word: str
) -> None:
    api.paths["/things"] = lambda ask: Say(raw=body)
    with pytest.raises(RunError) as raised:
        extracted(bench, api, {"response_format": fmt}, None)
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert word in raised.value.message


@pytest.mark.parametrize(
    ("flatten", "columns"), [(True, ["id", "a__b", "a__c__d", "l"]), (1, ["id", "a__b", "a__c", "l"])]
)
def test_nested_objects_become_columns_where_that_is_asked(
    bench: Any, api: FakeApi, flatten: Any, columns: list[str]
) -> None:
    api.paths["/things"] = lambda ask: [{"id": 1, "a": {"b": 2, "c": {"d": 3}}, "l": [{"x": 1}]}]
    extracted(bench, api, {"flatten": flatten, "columns": {"a__b": "text"}}, None)
    assert bench.table("things").column_names[: len(columns)] == columns
    assert bench.column("things", "a__b") == ["2"]


def test_flattening_makes_no_two_columns_of_one_name(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = lambda ask: [{"a": {"b": 1}, "a__b": 2}]
    with pytest.raises(Permanent, match="a__b"):
        extracted(bench, api, {"flatten": True}, None)


def test_a_body_goes_to_no_other_host(bench: Any, api: FakeApi) -> None:
    elsewhere = api.url.replace("127.0.0.1", "localhost")
    api.paths["/things"] = lambda ask: Say(status=307, headers={"Location": f"{elsewhere}/other"})
    with pytest.raises(Permanent, match="final address"):
        extracted(bench, api, {"json": {"password": "hunter22"}}, None)
    assert api.asked_for("/other") == []


def test_secrets_of_a_body_are_in_nothing_that_is_told(bench: Any, api: FakeApi) -> None:
    api.paths["/things"] = lambda ask: Say({"you sent": ask.json}, 400)
    with pytest.raises(Permanent) as raised:
        extracted(
            bench, api, {"json": {"auth": {"password": "hunter22"}, "k": {"kind": "secret", "value": "marked9"}}}, None
        )
    told = str([raised.value.as_json(), bench.link.logs])
    assert "hunter22" not in told
    assert "marked9" not in told
    assert api.asked[0].json == {"auth": {"password": "hunter22"}, "k": "marked9"}


def test_numbers_of_a_csv_answer_may_have_a_decimal_comma(bench: Any, api: FakeApi) -> None:
    words = {"delimiter": ";", "decimal_separator": ",", "thousands_separator": "."}
    given = {"response_format": "csv", "columns": {"sum": "decimal(9,2)", "n": "bigint"}}
    api.paths["/things"] = lambda ask: Say(raw=b"Sum;n;t\n1.234,50;1.000;1,5\n-0,5;2;x\n")
    bench.extract("rest_api", base_url=api.url, resources=[{"name": "things"} | given | words])
    table = bench.table("things")
    found = {name.lower(): table[name].to_pylist() for name in table.column_names}
    assert [str(value) for value in found["sum"]] == ["1234.50", "-0.50"]
    assert (found["n"], found["t"]) == ([1000, 2], ["1,5", "x"])
