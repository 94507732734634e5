"""create_flashboard on a real DuckDB and real tables, in a folder; the worker's side is a table of answers."""

import base64
from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_records.flashboards.versions import unpacked

Json = dict[str, Any]

NUMBER = {"key": "orders", "type": "number", "sql": "SELECT count(*) AS n, 1000 AS before FROM silver.orders"}
TABLE = {"key": "rows", "type": "table", "sql": "FROM silver.orders ORDER BY id"}
CHART = {
    "key": "days",
    "type": "chart",
    "chart": "line",
    "sql": "SELECT DATE '2026-01-01' + id::INT AS day, id * 2 AS n FROM silver.orders WHERE id < 9 ORDER BY 1",
}


def run(shop: Any, *tiles: Json, **fields: Any) -> Json:
    """What the worker is given to keep."""
    kept: Json = shop.built({"title": "Orders", "tiles": list(tiles)} | fields)
    return kept


def rows(tile: Json) -> Any:
    return unpacked(base64.b64decode(tile["data"]))


def refused(shop: Any, *tiles: Json, **fields: Any) -> RunError:
    with pytest.raises(RunError) as caught:
        run(shop, *tiles, **fields)
    assert caught.value.code == ErrorCode.DATA_ERROR
    return caught.value


def test_each_tile_keeps_its_rows_and_says_what_was_left_out(shop: Any) -> None:
    kept = run(shop, NUMBER, TABLE, {"key": "words", "type": "text", "text": "# Hello"})
    number, table, text = kept["tiles"]
    assert (rows(number), number["found"]["row_count"]) == ([{"n": 1500, "before": 1000}], 1)
    assert (len(rows(table)), table["found"]["total_rows"], table["found"]["truncated"]) == (1_000, 1_500, True)
    assert (rows(text), text["found"], kept["datasets"]) == ([], {}, ["silver.orders"])


def test_charts_are_drawn_for_a_screen_and_for_a_telephone_without_anything_that_runs(shop: Any) -> None:
    own = {
        "key": "own",
        "type": "chart",
        "sql": "SELECT place, id FROM silver.orders LIMIT 5",
        "spec": {"mark": "bar", "encoding": {"x": {"field": "place", "type": "nominal"}, "y": {"field": "id"}}},
    }
    kept = run(shop, CHART, own, CHART | {"key": "none", "sql": "SELECT 1 AS a, 2 AS b WHERE false"})
    days, mine, none = kept["tiles"]
    drawn = unpacked(base64.b64decode(days["drawings"]))
    assert drawn.keys() == {"wide", "narrow"}
    assert ('width="566"' in drawn["wide"], 'width="330"' in drawn["narrow"]) == (True, True)
    assert "<title>day: Jan 01, 2026; n: 0</title>" in drawn["wide"]
    assert "&lt;script&gt;0&lt;/script&gt;" in unpacked(base64.b64decode(mine["drawings"]))["wide"]
    assert none["drawings"] is None
    for svg in drawn.values():
        assert "<script" not in svg
        assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_parameters_become_literals_and_nothing_else(shop: Any) -> None:
    tile = {"key": "n", "type": "number", "sql": "SELECT count(*) FROM silver.orders WHERE place = {{ place }}"}
    named = [{"name": "place", "type": "text", "default": "x"}]
    for value, count in (("<script>7</script>", 1), ("' OR true --", 0), ("{{ place }}", 0)):
        kept = run(shop, tile, parameters=named, values={"place": value})
        assert (list(rows(kept["tiles"][0])[0].values()), kept["values"]) == ([count], {"place": value})
    day = {"key": "n", "type": "number", "sql": "SELECT {{ since }} AS day"}
    kept = run(shop, day, parameters=[{"name": "since", "type": "date", "default": "today-30d"}])
    assert (rows(kept["tiles"][0]), kept["values"]) == ([{"day": "2026-02-08"}], {"since": "2026-02-08"})


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("FROM silver.gone", "There is no table silver.gone"),
        ("SELECT 1; SELECT 2", "Tile n: The SQL must be one query"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Tile n: read_csv"),
        ("COPY (SELECT 1) TO '/tmp/x'", "Tile n: The SQL must be a query"),
        ("SELECT nothing FROM silver.orders", "Tile n: .*nothing"),
    ],
)
def test_what_may_not_be_read_or_is_not_there_names_its_tile(shop: Any, sql: str, told: str) -> None:
    error = refused(shop, {"key": "n", "type": "number", "sql": sql})
    assert error.message.startswith(told) or told.endswith("nothing"), error.message


def test_a_chart_of_columns_that_are_not_there_says_which_there_are(shop: Any) -> None:
    assert "there are: day, n" in refused(shop, CHART | {"y": "gone"}).message
    bad = {"mark": "bar", "encoding": {"x": {"field": "day", "type": "nothing"}}}
    refused(shop, {key: CHART[key] for key in ("key", "type", "sql")} | {"spec": bad})
