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


def test_dates_that_no_calendar_has_are_told_as_they_are(bench: Any, shop: MariaDb) -> None:
    shop.run(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        "USE shop",
        "CREATE TABLE events (id int PRIMARY KEY, born date, seen datetime(6), noted timestamp NULL, ends date)",
        "INSERT INTO events VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '1970-01-01 00:00:01', '2024-02-30'), "
        "(2, '1990-05-00', '2024-01-02 03:04:05.678901', NULL, '9999-12-31'), (3, NULL, NULL, NULL, '2024-03-01')",
        "CREATE TABLE plain (id int PRIMARY KEY, on_day date)",
        "INSERT INTO plain VALUES (1, '2024-03-01')",
    )
    events, plain = _explained(bench)["tables"]
    told = {each["name"]: each for each in events["columns"]}
    assert {name: each["type"] for name, each in told.items()} == {
        "id": "int",
        "born": "date",
        "seen": "datetime",
        "noted": "timestamp",
        "ends": "date",
    }
    assert told["born"]["samples"] == ["0000-00-00", "1990-05-00"]
    assert (told["born"]["min"], told["born"]["null_share"]) == ("0000-00-00", 0.3333)
    assert told["ends"]["max"] == "9999-12-31"
    assert plain["columns"][1]["min"] == "2024-03-01"
