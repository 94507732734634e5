"""explain_schema of a MariaDB's tables."""

from typing import Any

from vai_testkit.link import RecordingLink
from vai_testkit.servers.mariadb import MariaDb
from vai_transform_worker.asking.schema_child import explain
from vai_worker.children.job import Job


def _explained(bench: Any, **definition: Any) -> dict[str, Any]:
    prepared = {"memory_mb": 256, "spill_mb": 100, "seconds": 20.0, "addresses": "loopback", "asks": False}
    given = {"connection": "my", **definition}
    job = Job("run-1", "org-1", 1, 1, "explain_schema", given, bench.connection, None, "", prepared)
    return explain(job, RecordingLink())


def test_tables_tell_their_columns_keys_and_joins(bench: Any, shop: MariaDb) -> None:
    shop.run(
        "USE shop",
        "CREATE TABLE customers (id int PRIMARY KEY, email varchar(50), born date)",
        "CREATE TABLE orders (order_no varchar(9) PRIMARY KEY, customer_id int, total decimal(8,2), `odd ``name` text)",
        "INSERT INTO customers SELECT seq, concat('c', seq, '@example.com'), '1990-01-01' FROM seq_1_to_20",
        "INSERT INTO orders SELECT concat('A', seq), seq % 20 + 1, if(seq % 4, NULL, seq), 'x' FROM seq_1_to_2000",
    )
    result = _explained(bench)
    customers, orders = result["tables"]
    assert (orders["dataset"], orders["rows"], orders["declared_key"]) == ("shop.orders", 2_000, ["order_no"])
    told = {each["name"]: each for each in orders["columns"]}
    assert (told["total"]["null_share"], told["total"]["min"], told["total"]["max"]) == (0.75, "4.00", "2000.00")
    assert told["odd `name"]["distinct"] == 1
    assert [each["masked"] for each in customers["columns"]] == [None, "personal data", None]
    assert [(each["from"]["column"], each["to"]["column"]) for each in result["joins"]] == [("customer_id", "id")]
    [part] = _explained(bench, tables=["orders"], sample_rows=1_000)["tables"]
    assert (part["sampled"], part["rows_looked_at"]) == (True, 1_000)
