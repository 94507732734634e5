"""The rows that code knows by type are those of the tables."""

from datetime import datetime
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest

from vai_records.runs.logs import LogRow
from vai_records.runs.row import ChangedRun, ClaimedRun, EndedRun, JsonText, KeptRun, ListedRun, blank
from vai_testkit.database import Database

_TYPES = {
    "uuid": UUID,
    "text": str,
    "int4": int,
    "bool": bool,
    "bytea": bytes,
    "float8": float,
    "timestamptz": datetime,
    "jsonb": dict,
}


@pytest.mark.parametrize(
    ("row", "table"), [(KeptRun, "runs"), (ClaimedRun, "runs"), (EndedRun, "runs"), (LogRow, "run_logs")]
)
async def test_each_column_of_a_typed_row_is_in_its_table_and_of_that_type(
    database: Database, row: type, table: str
) -> None:
    pool = await database.pool("api-gateway")
    found = await pool.fetch(
        "SELECT column_name, udt_name, is_nullable FROM information_schema.columns WHERE table_name = $1", table
    )
    columns = {one["column_name"]: one for one in found}
    for name, hint in get_type_hints(row).items():
        kinds = get_args(hint) if NoneType in get_args(hint) else (hint,)
        found_type = dict if kinds[0] is JsonText else get_origin(kinds[0]) or kinds[0]
        assert found_type is _TYPES[columns[name]["udt_name"]], name
        if NoneType in kinds or row is KeptRun:
            assert (NoneType in kinds) == (columns[name]["is_nullable"] == "YES"), name


def test_what_is_too_large_for_a_list_has_its_mark() -> None:
    large = [name for name, hint in get_type_hints(KeptRun).items() if dict[str, Any] in (hint, *get_args(hint))]
    marks = get_type_hints(ListedRun).keys() - get_type_hints(KeptRun).keys()
    assert marks == {f"{name}_cut" for name in large}
    assert get_type_hints(ChangedRun).keys() == get_type_hints(KeptRun).keys() | marks


def test_a_row_of_which_nothing_is_known_has_a_value_for_each_column() -> None:
    row = blank(KeptRun)
    assert row.keys() == get_type_hints(KeptRun).keys()
    assert row["interrupt_count"] == 0
    assert row["recovered"] is False
    assert row["result"] is None
