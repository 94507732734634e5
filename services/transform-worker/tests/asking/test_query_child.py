"""generate_query on a real DuckDB and real tables, in a folder; the worker's side is a table of answers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_testkit.link import RecordingLink
from vai_transform_worker.asking.named_tables import unknown
from vai_transform_worker.asking.query_child import query
from vai_worker.children.job import Job

Json = dict[str, Any]


@pytest.fixture
def shop(workshop: Any) -> Any:
    """Two tables of silver and one of bronze, whose files differ."""
    workshop.silver("orders", [{"id": n, "customer_id": n % 3, "total": n * 1.5} for n in range(1_500)])
    workshop.silver("customers", [{"id": n, "name": f"Customer {n}"} for n in range(3)])
    workshop.bronze("shop.events", [{"id": 1, "kind": "view"}], [{"id": 2, "kind": "buy", "value": 7}])
    return workshop


def sources(shop: Any, names: list[str]) -> list[Json]:
    found = []
    for name in names:
        told = shop.inputs.get(name) or shop.inputs.get(name.removeprefix("silver."))
        if told is None:
            raise unknown(name, {})
        found.append({"name": name, "dataset": name, **told})
    return found


def run(shop: Any, definition: Json, write: Callable[[Json], Json] | None = None) -> Json:
    answers = {"tables": lambda asked: {"sources": sources(shop, asked["names"])}}
    shop.link = RecordingLink(answers | ({"write": write} if write else {}))
    prepared = {"memory_mb": 256, "spill_mb": 100, "seconds": 20.0}
    job = Job("run-1", shop.org_id, 1, 1, "generate_query", definition, None, None, shop.url, prepared)
    return query(job, shop.link)


def refused(shop: Any, sql: str) -> RunError:
    with pytest.raises(RunError) as caught:
        run(shop, {"sql": sql})
    assert caught.value.code == ErrorCode.DATA_ERROR
    return caught.value


def test_a_query_reads_tables_by_their_names(shop: Any) -> None:
    result = run(
        shop,
        {
            "sql": "WITH o AS (SELECT * FROM silver.orders) "
            "SELECT c.name, count(*) AS orders, sum(o.total)::DECIMAL(9,2) AS total "
            "FROM o JOIN Silver.customers c ON c.id = o.customer_id GROUP BY ALL ORDER BY c.name;"
        },
    )
    assert result["columns"][0] == {"name": "name", "type": "VARCHAR"}
    assert result["rows"][0] == {"name": "Customer 0", "orders": 500, "total": "561375.00"}
    assert (result["row_count"], result["total_rows"], result["truncated"]) == (3, 3, False)
    assert sorted(result["datasets"]) == ["silver.customers", "silver.orders"]
    assert (result["model"], result["mended"], result["question"]) == (None, 0, None)


def test_bronze_is_read_by_its_source_and_table(shop: Any) -> None:
    result = run(shop, {"sql": "SELECT id, value FROM bronze.shop.events ORDER BY id"})
    assert result["rows"] == [{"id": 1, "value": None}, {"id": 2, "value": 7}]


def test_at_most_so_many_rows_come_and_all_are_counted(shop: Any) -> None:
    result = run(shop, {"sql": "FROM silver.orders ORDER BY id", "max_rows": 10})
    assert [row["id"] for row in result["rows"]] == list(range(10))
    assert (result["row_count"], result["total_rows"], result["truncated"]) == (10, 1_500, True)
    exact = run(shop, {"sql": "FROM silver.customers", "max_rows": 3})
    assert (exact["total_rows"], exact["truncated"]) == (3, False)


def test_a_query_without_tables_is_one_too(shop: Any) -> None:
    assert run(shop, {"sql": "SELECT 1 AS one, 1 AS one"})["row_count"] == 1


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE silver.orders", "must be a query"),
        ("SELECT 1; SELECT 2", "one query"),
        ("COPY silver.orders TO '/tmp/x.csv'", "must be a query"),
        ("SELECT * FROM read_csv('/etc/passwd')", "may not be read"),
        ("SELECT * FROM read_parquet('x.parquet')", "read_parquet"),
        ("SELECT * FROM '/etc/passwd'", "There is no table"),
        ("SELECT * FROM duckdb_settings()", "may not be read"),
        ("SELECT * FROM information_schema.tables", "There is no table"),
        ('SELECT * FROM lake."silver.orders"', "There is no table"),
        ("SELECT getenv('HOME')", "getenv"),
        ("SELECT nonsense FROM silver.orders", "nonsense"),
        ("SELEC 1", "does not parse"),
        ("ATTACH 'x.db'", "must be a query"),
        ("SET memory_limit = '9GB'", "must be a query"),
    ],
)
def test_what_is_not_a_query_over_the_tables_is_refused(shop: Any, sql: str, said: str) -> None:
    assert said in refused(shop, sql).message


def written(sql: str, dollars: float | None = None) -> Json:
    """A model's answer as the worker gives it to the child."""
    return {"sql": sql, "tokens": {"input": 1, "output": 2}, "dollars": dollars}


@pytest.mark.parametrize(
    "fenced",
    [
        "```sql\nSELECT 7 AS n\n```",
        "\n```\nSELECT 7 AS n;\n```\n",
        "```SQL\nSELECT 7 AS n -- so\n  ```",
        "SELECT 7 AS n",
    ],
)
def test_a_query_in_a_block_of_markdown_is_that_query(shop: Any, fenced: str) -> None:
    result = run(shop, {"question": "How many?"}, lambda tried: written(fenced))
    assert (result["rows"], result["mended"], result["dollars"]) == ([{"n": 7}], 0, None)


def test_what_a_model_writes_is_mended_from_its_own_error(shop: Any) -> None:
    told_too = {"explanation": "It counts.", "assumptions": ["all"], "model": "a/b"}
    queries = (
        "SELECT wrong FROM silver.orders",
        "DELETE FROM silver.orders",
        "SELECT count(*) AS n FROM silver.orders",
    )
    answers: Iterator[Json] = iter([written(sql, dollars=0.5) | told_too for sql in queries])
    told: list[Json] = []

    def write(asked: Json) -> Json:
        told.append(asked)
        return next(answers)

    result = run(shop, {"question": "How many orders are there?"}, write)
    assert (result["rows"], result["mended"], result["explanation"]) == ([{"n": 1_500}], 2, "It counts.")
    assert (result["model"], result["assumptions"], result["question"]) == (
        "a/b",
        ["all"],
        "How many orders are there?",
    )
    assert (result["tokens"], result["dollars"]) == ({"input": 3, "output": 6}, 1.5)
    assert "wrong" in told[1]["tried"][0]["error"]
    assert [each["sql"] for each in told[2]["tried"]][1] == "DELETE FROM silver.orders"


def test_a_model_that_never_gets_it_right_is_asked_four_times(shop: Any) -> None:
    asked: list[Json] = []

    def write(tried: Json) -> Json:
        asked.append(tried)
        return written("SELECT wrong FROM silver.orders")

    with pytest.raises(RunError, match="wrong"):
        run(shop, {"question": "How many?"}, write)
    assert len(asked) == 4
