"""A whole flashboard from one question: the worker and the model are a table of answers, DuckDB and tables are real."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.flashboards.versions import unpacked
from vai_transform_worker.flashboards.designing import LONGEST_NOTE, LONGEST_TEXT, LONGEST_TITLE, proposed_tiles

Json = dict[str, Any]

USED: Json = {"model": "here/scripted-1", "tokens": {"input": 10, "output": 5}, "dollars": 0.25}
COUNT = {"key": "orders", "type": "number", "title": "Orders", "sql": "SELECT count(*) AS n FROM silver.orders"}
DAYS = {
    "key": "days",
    "type": "chart",
    "title": "By day",
    "chart": "line",
    "note": "Orders of a day.",
    "sql": "```sql\nSELECT DATE '2026-01-01' + id::INT AS day, id AS n FROM silver.orders WHERE id < 9 ORDER BY 1\n```",
}


def run(
    shop: Any, tiles: Sequence[Json], mend: Callable[[Json], str] = lambda asked: "SELECT nothing", **fields: Any
) -> Json:
    """What the worker is given to keep. `mend` is the query that the model writes for one that failed."""

    def design(asked: Json) -> Json:
        return {"title": "The shop", "description": "What it sells.", "tiles": list(tiles), **USED}

    def mended(asked: Json) -> Json:
        return {"sql": mend(asked), "explanation": "", "assumptions": [], **USED}

    kept: Json = shop.built({"question": "How does the shop do?"} | fields, design=design, mend=mended)
    return kept


def made_of(kept: Json) -> CreateFlashboard:
    return CreateFlashboard.model_validate(kept["definition"])


def test_what_is_kept_is_an_ordinary_flashboard_with_sql(shop: Any) -> None:
    kept = run(shop, [COUNT, DAYS, {"key": "words", "type": "text", "title": "", "text": "Of **today**."}])
    made = made_of(kept)
    assert (made.title, made.description, made.question, made.model) == ("The shop", "What it sells.", None, None)
    assert (made.questions, [tile.key for tile in made.tiles]) == ({}, ["orders", "days", "words"])
    assert kept["definition"]["tiles"][1]["sql"].startswith("SELECT DATE")
    assert unpacked(base64.b64decode(kept["tiles"][0]["data"])) == [{"n": 1500}]
    assert "<svg" in unpacked(base64.b64decode(kept["tiles"][1]["drawings"]))["wide"]
    assert kept["datasets"] == ["silver.orders"]
    told = kept["more"]
    assert (told["left_out"], told["tokens"], told["dollars"]) == ([], USED["tokens"], USED["dollars"])


def test_a_query_that_fails_is_mended_from_its_own_error_and_counted(shop: Any) -> None:
    asked: list[Json] = []

    def mend(told: Json) -> str:
        asked.append(told)
        return "SELECT count(*) AS n FROM silver.orders"

    kept = run(shop, [COUNT | {"sql": "SELECT count(*) FROM silver.order"}, DAYS], mend)
    assert [tile.key for tile in made_of(kept).tiles] == ["orders", "days"]
    assert "There is no table silver.order" in asked[0]["tried"][0]["error"]
    assert (asked[0]["tile"]["key"], kept["more"]["tokens"]) == ("orders", {"input": 20, "output": 10})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT getenv('HOME')",
        "ATTACH '/tmp/other.db'",
        "SELECT 1; DROP TABLE orders",
        "SELECT {{ since }}",
        "SELECT $/secrets/token",
        "FROM silver.of_others",
        "   ",
        "SELECT " + "1 + " * 60_000 + "1",
    ],
)
def test_a_tile_that_cannot_be_mended_is_left_out_and_that_is_said(shop: Any, sql: str) -> None:
    kept = run(shop, [COUNT, {"key": "bad", "type": "table", "title": "Bad", "sql": sql}], lambda asked: sql)
    assert [tile.key for tile in made_of(kept).tiles] == ["orders"]
    (left,) = kept["more"]["left_out"]
    assert (left["key"], left["title"], 0 < len(left["error"]) <= 500) == ("bad", "Bad", True)
    assert len(shop.asked("mend")) == 3
    assert shop.link.warnings.count("tile_left_out") == 1


def test_a_chart_that_cannot_be_drawn_is_left_out(shop: Any) -> None:
    bad = DAYS | {"key": "bad", "sql": "SELECT id FROM silver.orders"}
    kept = run(shop, [COUNT, bad], lambda asked: bad["sql"])
    assert [each["key"] for each in kept["more"]["left_out"]] == ["bad"]


def test_where_nothing_can_be_shown_the_run_fails_with_the_reasons(shop: Any) -> None:
    with pytest.raises(RunError, match=r"Nothing that .* proposed can be shown: Orders: ") as caught:
        run(shop, [COUNT | {"sql": "SELECT nothing"}, {"key": "w", "type": "text", "title": "", "text": "Hello"}])
    assert (caught.value.code, len(shop.asked("keep"))) == (ErrorCode.DATA_ERROR, 0)


def test_what_was_given_beside_the_question_stays(shop: Any) -> None:
    since = {"name": "since", "type": "number", "default": 5}
    tile = COUNT | {"sql": "SELECT count(*) AS n FROM silver.orders WHERE id >= {{ since }}"}
    kept = run(shop, [tile], title="Mine", slug="mine", parameters=[since], values={"since": 15}, keep_versions=3)
    made = made_of(kept)
    assert (made.title, made.slug, made.keep_versions, made.values) == ("Mine", "mine", 3, {"since": 15})
    assert kept["definition"]["tiles"][0]["sql"] == tile["sql"]
    assert unpacked(base64.b64decode(kept["tiles"][0]["data"])) == [{"n": 1485}]


def test_of_what_a_model_says_only_the_fields_of_a_tile_are_taken_and_they_are_bounded() -> None:
    said: list[Json] = [
        {"type": "number", "title": "A\nb " * 500, "note": "n" * 9_000, "sql": "SELECT 1", "text": "x", "key": "../x"},
        {"type": "text", "title": "", "text": "$/secrets/token <script>" * 5_000, "sql": "DROP"},
        {"type": "chart", "title": "日本", "sql": "SELECT 1", "spec": {"data": {"url": "http://x"}}},
        {"type": "table", "title": "日本", "sql": "SELECT 1"},
    ]
    number, text, chart, table = proposed_tiles(said)
    assert number.keys() == {"key", "type", "title", "note", "sql"}
    assert (len(number["title"]), len(number["note"]), "\n" in number["title"]) == (LONGEST_TITLE, LONGEST_NOTE, False)
    assert (set(text), len(text["text"])) == ({"key", "type", "title", "text"}, LONGEST_TEXT)
    assert "$/secrets" not in text["text"]
    assert chart.keys() == {"key", "type", "title", "sql", "chart"}
    assert len({each["key"] for each in (number, text, chart, table)}) == 4
    CreateFlashboard.model_validate({"title": "x", "tiles": [number, text, chart, table]})
