"""Queries and explanations in a real child process, with a real Postgres and a real lake."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from vai_common.errors import ErrorCode, RunError
from vai_common.ids import uuid7
from vai_records.flashboards import versions
from vai_records.lake import writes
from vai_records.models.choice import NoModel, choose
from vai_testkit.models import LOOPBACK, ModelHouse, new_keyring
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import ModelServer, serving_models
from vai_transform_worker.asking.named_tables import tables
from vai_transform_worker.asking.relevance import MOST_CHARACTERS, described
from vai_transform_worker.create_flashboard import CreateFlashboard
from vai_transform_worker.explain_schema import ExplainSchema
from vai_transform_worker.generate_query import GenerateQuery
from vai_worker.children.forks import Forks
from vai_worker.models.outputs import TOOL


@pytest.fixture
async def lake(bench: Any, tmp_path: Path) -> None:
    """bronze.shop.orders with two files, silver.stg_orders with a version, gold.unwritten that nobody has written."""
    await bench.bronze("shop.orders", "a.parquet", "b.parquet", columns=[{"name": "id", "type": "BIGINT"}])
    folder = tmp_path / str(bench.org_id) / "bronze" / "shop" / "orders"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1, 2], "amount": [5, 6]}), folder / "a.parquet")
    pq.write_table(pa.table({"id": [3], "amount": [7]}), folder / "b.parquet")
    await bench.delta("silver", "stg_orders")
    await bench.delta("gold", "unwritten", rows=None)
    write_deltalake(tmp_path / str(bench.org_id) / "silver" / "stg_orders", pa.table({"id": [1], "order_id": [3]}))


@pytest.mark.usefixtures("lake")
async def test_a_query_is_run_over_the_tables_of_the_organisation(bench: Any, forks: Forks) -> None:
    sql = (
        "SELECT o.id, s.id AS s FROM bronze.shop.orders o LEFT JOIN silver.stg_orders s ON s.order_id = o.id ORDER BY 1"
    )
    result = await forks.perform(GenerateQuery(), await bench.run_of("generate_query", {"sql": sql}))
    assert result["rows"] == [{"id": 1, "s": None}, {"id": 2, "s": None}, {"id": 3, "s": 1}]
    for wrong, datasets in [("gold.unwritten", []), ("silver.stg_orders", ["bronze.shop.orders"])]:
        run = await bench.run_of("generate_query", {"sql": f"FROM {wrong}", "datasets": datasets})
        with pytest.raises(RunError, match=f"There is no table {wrong}") as caught:
            await forks.perform(GenerateQuery(), run)
        assert caught.value.code == ErrorCode.DATA_ERROR


@pytest.mark.usefixtures("lake")
async def test_tables_are_explained_with_their_freshness(bench: Any, forks: Forks) -> None:
    result = await forks.perform(ExplainSchema(), await bench.run_of("explain_schema", {}))
    told = {each["dataset"]: each for each in result["tables"]}
    assert told.keys() == {"bronze.shop.orders", "silver.stg_orders"}
    assert (told["bronze.shop.orders"]["rows"], told["bronze.shop.orders"]["likely_keys"]) == (3, ["id", "amount"])
    assert 0 <= told["silver.stg_orders"]["age_seconds"] < 600
    assert [each["from"]["column"] for each in result["joins"]] == ["order_id"]
    assert {(*each["made_of"], *each["read_by"]) for each in result["tables"]} == {()}


@pytest.mark.usefixtures("lake")
async def test_tables_are_explained_with_their_lineage(bench: Any, forks: Forks) -> None:
    rows = await bench.pool.fetch("SELECT id, layer FROM datasets WHERE org_id = $1", bench.org_id)
    of = {row["layer"]: row["id"] for row in rows}
    await writes.note_reads(bench.pool, of["silver"], [of["bronze"]], uuid7(), replaces=True)
    await writes.note_reads(bench.pool, of["gold"], [of["silver"]], uuid7(), replaces=True)
    result = await forks.perform(ExplainSchema(), await bench.run_of("explain_schema", {}))
    told = {each["dataset"]: (each["made_of"], each["read_by"]) for each in result["tables"]}
    assert told["bronze.shop.orders"] == ([], ["silver.stg_orders"])
    assert told["silver.stg_orders"] == (["bronze.shop.orders"], ["gold.unwritten"])


async def test_what_is_not_there_is_said_before_a_child_begins(bench: Any) -> None:
    with pytest.raises(RunError, match="no tables yet"):
        await ExplainSchema().prepare(await bench.run_of("explain_schema", {}))
    await bench.delta("silver", "orders")
    with pytest.raises(RunError, match=r"There are: silver\.orders"):
        await ExplainSchema().prepare(await bench.run_of("explain_schema", {"datasets": ["silver.gone"]}))


async def test_another_organisation_sees_nothing_of_it(bench: Any) -> None:
    await bench.delta("silver", "orders")
    async with bench.pool.acquire() as conn:
        assert list(await tables(conn, bench.org_id)) == ["silver.orders"]
        assert await tables(conn, (await bench.run_of("generate_query", {"sql": "SELECT 1"})).id) == {}


async def test_a_model_is_told_of_the_tables_that_the_question_is_about_and_not_of_all(bench: Any) -> None:
    for name in [f"unrelated_{n}_{'x' * 150}" for n in range(200)] + ["customer_orders"]:
        await bench.delta("silver", name)
    async with bench.pool.acquire() as conn:
        there = list((await tables(conn, bench.org_id)).values())
    text = described("How many orders has a customer?", there)
    assert text.startswith('"silver"."customer_orders"')
    assert len(text) < MOST_CHARACTERS + 200
    assert "tables that seem to have less to do with it" in text


async def test_without_a_model_it_is_said_what_to_set(bench: Any) -> None:
    async with bench.pool.acquire() as conn:
        with pytest.raises(NoModel, match=r"settings\.models\.default"):
            await choose(conn, bench.org_id, None)


@pytest.fixture
async def model(bench: Any) -> AsyncIterator[ModelServer]:
    """The organisation's default model is a scripted one."""
    bench.means |= {"keyring": new_keyring(), "addresses": LOOPBACK}
    await bench.pool.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, $2)", bench.org_id, "shop")
    with serving_models() as server:
        house = ModelHouse(bench.pool, server, bench.org_id, bench.means["keyring"])
        await house.connect("here", "openai_compatible")
        await house.set(default="here/scripted-1")
        yield server


def written(sql: str) -> Turn:
    return Turn(calls=(Call(TOOL, {"sql": sql, "explanation": "It counts.", "assumptions": ["One row, one order."]}),))


def meaning() -> Turn:
    told = [{"dataset": "silver.stg_orders", "meaning": "Orders.", "columns": [{"name": "id", "meaning": "Number."}]},
            {"dataset": "silver.none", "meaning": "x", "columns": []}]  # fmt: skip
    return Turn(calls=(Call(TOOL, {"tables": told}),), input_tokens=20, output_tokens=5)


@pytest.mark.usefixtures("lake")
async def test_a_model_says_what_tables_mean_and_that_is_said_to_be_inferred(
    bench: Any, forks: Forks, model: ModelServer
) -> None:
    model.says = lambda asked: meaning()
    definition = {"datasets": ["silver.stg_orders"]}
    result = await forks.perform(ExplainSchema(), await bench.run_of("explain_schema", definition))
    (table,) = result["tables"]
    assert (table["meaning"], [one["meaning"] for one in table["columns"]]) == ("Orders.", ["Number.", None])
    assert (result["inferred"], result["model"], result["tokens"]) == (
        True, "here/scripted-1", {"input": 20, "output": 5},
    )  # fmt: skip
    assert "silver.stg_orders (1 rows)" in model.asked[0].texts[0]
    alone = await forks.perform(ExplainSchema(), await bench.run_of("explain_schema", definition | {"meanings": False}))
    assert (alone["inferred"], "meaning" in alone["tables"][0], len(model.asked)) == (False, False, 1)


@pytest.mark.usefixtures("lake")
async def test_a_model_that_fails_is_an_error_only_for_who_asked_for_one(
    bench: Any, forks: Forks, model: ModelServer
) -> None:
    model.says = lambda asked: Turn("I do not know.")
    definition = {"datasets": ["silver.stg_orders"]}
    result = await forks.perform(ExplainSchema(), await bench.run_of("explain_schema", definition))
    assert (result["inferred"], len(result["tables"])) == (False, 1)
    with pytest.raises(RunError, match="fits the schema"):
        wanted = await bench.run_of("explain_schema", definition | {"model": "here/scripted-1"})
        await forks.perform(ExplainSchema(), wanted)


QUESTION = "How many orders are there?"


@pytest.mark.usefixtures("lake")
async def test_a_question_becomes_a_query_that_is_mended_from_its_own_error(
    bench: Any, forks: Forks, model: ModelServer
) -> None:
    model.follow(
        [
            written("SELECT count(*) AS n FROM bronze.shop.order"),
            written("SELECT count(*) AS n FROM bronze.shop.orders"),
        ]
    )
    result = await forks.perform(GenerateQuery(), await bench.run_of("generate_query", {"question": QUESTION}))
    assert (result["rows"], result["explanation"], result["assumptions"]) == (
        [{"n": 3}],
        "It counts.",
        ["One row, one order."],
    )
    assert result["sql"] == "SELECT count(*) AS n FROM bronze.shop.orders"
    first, second = model.asked
    assert QUESTION in first.texts[0]
    assert '"orders"' in first.texts[0]
    assert "There is no table bronze.shop.order" in second.texts[0]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/other.db'",
        "SELECT getenv('HOME')",
        "DROP TABLE orders",
        "INSTALL httpfs",
    ],
)
async def test_whatever_a_model_writes_it_reads_the_tables_and_nothing_else(
    bench: Any, forks: Forks, model: ModelServer, sql: str
) -> None:
    model.says = lambda asked: written(sql)
    with pytest.raises(RunError) as caught:
        await forks.perform(GenerateQuery(), await bench.run_of("generate_query", {"question": QUESTION}))
    assert caught.value.code == ErrorCode.DATA_ERROR
    assert len(model.asked) == 4


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (Turn(status=401, message="bad key"), ErrorCode.AUTH_ERROR),
        (Turn(status=429, message="slow down"), ErrorCode.RATE_LIMITED),
        (Turn("I would rather not."), ErrorCode.DATA_ERROR),
    ],
)
async def test_a_model_that_gives_no_query_is_a_clear_error(
    bench: Any, forks: Forks, model: ModelServer, turn: Turn, code: ErrorCode
) -> None:
    def says(asked: Asked) -> Turn:
        return turn

    model.says = says
    with pytest.raises(RunError) as caught:
        await forks.perform(GenerateQuery(), await bench.run_of("generate_query", {"question": QUESTION}))
    assert caught.value.code == code


@pytest.mark.usefixtures("lake")
async def test_tiles_with_questions_show_what_a_model_asked_the_lake(
    bench: Any, forks: Forks, model: ModelServer
) -> None:
    """The second tile's query names a parameter; its first one does not exist, and is written again."""
    model.follow(
        [
            written("```sql\nSELECT count(*) AS n FROM bronze.shop.orders\n```"),
            written("SELECT id, amount FROM bronze.shop.orders WHERE amount > {{ most }}"),
            written("SELECT id, amount FROM bronze.shop.orders WHERE amount >= {{ least }} ORDER BY id"),
        ]
    )
    definition = {
        "title": "Orders",
        "parameters": [{"name": "least", "type": "number", "default": 6}],
        "tiles": [
            {"key": "n", "type": "number", "question": QUESTION},
            {"key": "days", "type": "chart", "chart": "bar", "question": "Amounts", "x": "id", "y": "amount"},
            {"key": "own", "type": "table", "sql": "FROM silver.stg_orders"},
        ],
    }
    result = await forks.perform(CreateFlashboard(), await bench.run_of("create_flashboard", definition))
    assert (result["tiles"], result["dollars"], result["tokens"]["input"] > 0) == (3, None, True)
    assert sorted(result["datasets"]) == ["bronze.shop.orders", "silver.stg_orders"]
    version = await versions.get(bench.pool, UUID(result["flashboard"]), 1)
    assert version is not None
    number, chart, own = versions.whole(version, await versions.stored_tiles(bench.pool, version["id"])).tiles
    assert (number.rows, number.found["sql"]) == ([{"n": 3}], "SELECT count(*) AS n FROM bronze.shop.orders")
    assert (number.found["explanation"], number.found["model"]) == ("It counts.", "here/scripted-1")
    assert chart.rows == [{"id": 2, "amount": 6}, {"id": 3, "amount": 7}]
    assert chart.found["sql"].endswith("amount >= {{ least }} ORDER BY id")
    assert "<svg" in chart.drawings["wide"]
    assert (own.rows, own.found.get("sql")) == ([{"id": 1, "order_id": 3}], None)
    first, second, third = (asked.texts[0] for asked in model.asked)
    assert "The result is one row" in first
    assert "columns of these names: id, amount" in second
    assert "{{ least }}: least (number)" in second
    assert "{{ most }} is no parameter; there are: least" in third


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("sql", ["SELECT * FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/x.csv'"])
async def test_what_a_model_may_not_read_is_on_no_tile(bench: Any, forks: Forks, model: ModelServer, sql: str) -> None:
    model.says = lambda asked: written(sql)
    definition = {"title": "Orders", "tiles": [{"key": "n", "type": "number", "question": QUESTION}]}
    with pytest.raises(RunError, match="Tile n: ") as caught:
        await forks.perform(CreateFlashboard(), await bench.run_of("create_flashboard", definition))
    assert (caught.value.code, len(model.asked)) == (ErrorCode.DATA_ERROR, 4)
    assert await bench.pool.fetchval("SELECT count(*) FROM flashboard_versions") == 0


def designed(*sql: str, title: str = "The shop", **more: Any) -> Turn:
    tiles = [{"type": "number", "title": f"Tile {n}", "sql": each} for n, each in enumerate(sql, 1)]
    return Turn(calls=(Call(TOOL, {"title": title, "tiles": tiles, **more}),), input_tokens=100, output_tokens=50)


@pytest.mark.usefixtures("lake")
async def test_a_flashboard_of_one_question_is_kept_with_sql_under_a_slug_of_its_own(
    bench: Any, forks: Forks, model: ModelServer
) -> None:
    """The second tile is mended; the third never works, and is left out. Nobody's flashboard is replaced."""
    count = "SELECT count(*) AS n FROM bronze.shop.orders"
    turns = [designed(count, f"{count}x", "FROM read_csv('/etc/passwd')"), written(count)]
    model.follow([*turns, *[written("FROM pg_catalog.pg_tables")] * 3, designed(count), designed(count)])
    first = await forks.perform(CreateFlashboard(), await bench.run_of("create_flashboard", {"question": QUESTION}))
    assert (first["slug"], first["tiles"], first["question"]) == ("the-shop", 2, QUESTION)
    assert [each["title"] for each in first["left_out"]] == ["Tile 3"]
    assert first["tokens"]["input"] > 100
    version = await versions.get(bench.pool, UUID(first["flashboard"]), 1)
    assert version is not None
    assert version["definition"]["tiles"][1]["sql"] == count
    assert not {"question", "model"} & version["definition"].keys()
    prompts = [asked.texts[0] for asked in model.asked]
    assert '"bronze"."shop"."orders"' in prompts[0]
    assert "There is no table bronze.shop.ordersx" in prompts[1]
    assert "Tile 2" in prompts[1]
    assert len(model.asked) == 5
    second = await forks.perform(CreateFlashboard(), await bench.run_of("create_flashboard", {"question": QUESTION}))
    named = {"question": QUESTION, "slug": "the-shop"}
    third = await forks.perform(CreateFlashboard(), await bench.run_of("create_flashboard", named))
    assert [(each["slug"], each["version"]) for each in (second, third)] == [("the-shop-2", 1), ("the-shop", 2)]


@pytest.mark.usefixtures("lake")
async def test_a_model_that_proposes_too_much_is_asked_again_and_then_refused(
    bench: Any, forks: Forks, model: ModelServer
) -> None:
    model.says = lambda asked: designed(*["SELECT 1 AS n"] * 13)
    with pytest.raises(RunError, match="fits the schema"):
        await forks.perform(CreateFlashboard(), await bench.run_of("create_flashboard", {"question": QUESTION}))
    assert len(model.asked) == 3
