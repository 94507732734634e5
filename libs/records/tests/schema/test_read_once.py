"""What statements ask of definitions and settings stands in columns, whatever an older version has stored (rule 21)."""

from typing import Any

import pytest

from vai_common.ids import uuid7
from vai_records.lifecycle.sql_fragments import MAY_RERUN
from vai_testkit.database import Database, new_run

Json = dict[str, Any]

_INSERT = """
INSERT INTO runs (id, org_id, kind, definition, trigger_method, phase, held_for)
VALUES ($1, $2, $3, $4, 'api', 'held', 'approval') RETURNING may_rerun, approval_timeout_seconds
"""
_BY_TEXT = """
INSERT INTO runs (id, org_id, kind, definition, trigger_method, phase)
VALUES ($1, $2, 'approval_gate', $3::text::jsonb, 'api', 'queued') RETURNING approval_timeout_seconds
"""


@pytest.mark.parametrize(
    ("kind", "definition", "may_rerun"),
    [
        ("dlt_extract", {"idempotent": False, "method": "POST"}, True),
        ("later_kind", {}, True),
        ("http_request", {}, True),
        ("http_request", {"method": "get"}, True),
        ("http_request", {"method": "DELETE"}, True),
        ("http_request", {"method": "post"}, False),
        ("http_request", {"method": "PATCH"}, False),
        ("http_request", {"method": "POST", "idempotent": True}, True),
        ("http_request", {"method": "POST", "idempotent": "yes"}, True),
        ("http_request", {"method": "POST", "idempotent": "no"}, False),
        ("http_request", {"method": None}, False),
        ("http_request", {"method": ["GET"]}, False),
        ("http_request", {"method": "POST", "idempotent": [True]}, False),
    ],
)
async def test_a_run_of_an_older_service_says_whether_it_may_be_done_again(
    database: Database, kind: str, definition: Json, may_rerun: bool
) -> None:
    conn = await database.connect("api-gateway")
    row = await conn.fetchrow(_INSERT, uuid7(), uuid7(), kind, definition)
    assert row["may_rerun"] is may_rerun


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("60", 60.0),
        ("0.5", 0.5),
        ('"30"', 30.0),
        ('"2.5"', 2.5),
        ("true", None),
        ("null", None),
        ('"1_000"', None),
        ('"soon"', None),
        ('"1e3"', None),
        ('"99999999999999999999999999"', None),
        ("0", None),
        ("-1", None),
        ("1e-400", None),
        ("1e400", None),
        ("31536001", None),
        ("[1]", None),
        ('{"seconds": 1}', None),
    ],
)
async def test_an_approvals_time_is_read_from_whatever_was_stored(
    database: Database, given: str, seconds: float | None
) -> None:
    conn = await database.connect("api-gateway")
    text = f'{{"approval_timeout_seconds": {given}}}'
    assert await conn.fetchval(_BY_TEXT, uuid7(), uuid7(), text) == seconds


async def test_what_the_maker_of_a_run_says_is_not_read_again(database: Database) -> None:
    run = new_run(kind="http_request", definition={"method": "POST"}, may_rerun=True, approval_timeout_seconds=7.0)
    await database.make(run)
    row = await database.run(run.id)
    assert (row["may_rerun"], row["approval_timeout_seconds"]) == (True, 7.0)


async def test_of_a_run_that_says_nothing_only_a_request_may_not_be_done_again(database: Database) -> None:
    owner = await database.owner()
    for kind, expected in (("http_request", False), ("dlt_extract", True)):
        run_id = await database.put("running", "leased", kind=kind)
        await database.change(run_id, "may_rerun = NULL")
        assert await owner.fetchval(f"SELECT {MAY_RERUN} FROM runs r WHERE r.id = $1", run_id) is expected


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ("{}", None),
        ('{"max_running": 3}', 3),
        ('{"max_running": null}', None),
        ('{"max_running": "3"}', None),
        ('{"max_running": true}', None),
        ('{"max_running": 0}', 0),
        ('{"max_running": -2}', None),
        ('{"max_running": 1e400}', None),
        ('{"max_running": [1]}', None),
    ],
)
async def test_the_limit_of_an_organisation_follows_its_settings(
    database: Database, settings: str, limit: int | None
) -> None:
    owner, org_id = await database.owner(), uuid7()
    await owner.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'O')", org_id, org_id.hex)
    await owner.execute("UPDATE organisations SET settings = $2::text::jsonb WHERE id = $1", org_id, settings)
    assert await owner.fetchval("SELECT max_running FROM organisations WHERE id = $1", org_id) == limit
