"""What is in a dataset, read by real processes from a lake in a folder."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.lake.reading import PreviewShape, ProfileShape
from vai_api_gateway.settings import Settings
from vai_common.ids import uuid7
from vai_records.lake import manifest
from vai_testkit.team import Team
from vai_worker.reading.desk import Busy, CannotRead, Desk
from vai_worker.reading.request import Request

DATASETS = "/api/v1/datasets"
ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "price": Decimal("9007199254740993.25"),
        "at": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "tags": ["a", f"b{number}"],
        "share": float("nan"),
        "raw": b"\x00\xff",
        "note": None if number else "x" * 5_000,
    }
    for number in range(3)
]


@pytest.fixture
def settings(database_url: str, settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"lake_url": tmp_path.as_uri()})


@pytest.fixture
async def orders(gateway: Gateway, team: Team, tmp_path: Path) -> None:
    location = f"{team.org_id}/bronze/shop/orders"
    made = await manifest.ensure_dataset(gateway.pool, team.org_id, "bronze", "shop.orders", location)
    load = manifest.Load(team.org_id, made.id, None, uuid7(), 1, "orders")
    (tmp_path / location).mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / location / "1.parquet")
    files = [manifest.NewFile(f"{location}/1.parquet", "1", 3, 100)]
    await manifest.add_files(gateway.pool, load, files, visible=True)


@pytest.fixture
async def sales(gateway: Gateway, team: Team, tmp_path: Path) -> None:
    """A table of gold with two versions."""
    location = f"{team.org_id}/gold/sales"
    made = await manifest.ensure_dataset(gateway.pool, team.org_id, "gold", "sales", location)
    for version, rows in enumerate((1, 2)):
        write_deltalake(tmp_path / location, pa.table({"n": list(range(rows))}), mode="overwrite")
        await manifest.wrote(gateway.pool, made.id, rows, [{"name": "n", "type": "BIGINT"}], version)


@pytest.mark.usefixtures("orders")
async def test_first_rows_come_as_json_and_no_digit_is_lost(api: httpx2.AsyncClient) -> None:
    answer = await api.get(f"{DATASETS}/bronze.shop.orders/preview?rows=2")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    PreviewShape.model_validate(found)
    assert [each["type"] for each in found["columns"]][1:4] == [
        *("DECIMAL(18,2)", "TIMESTAMP WITH TIME ZONE", "VARCHAR[]"),
    ]
    first = found["rows"][0]
    assert first | {"note": ""} == {
        "id": 0,
        "price": "9007199254740993.25",
        "at": "2026-01-02 03:00:00+00",
        "tags": ["a", "b0"],
        "share": "nan",
        "raw": "AP8=",
        "note": "",
    }
    assert (len(found["rows"]), len(first["note"]), found["cut"]) == (2, 1_001, True)


@pytest.mark.usefixtures("orders")
async def test_a_profile_says_what_a_column_is_like(api: httpx2.AsyncClient) -> None:
    found = (await api.get(f"{DATASETS}/bronze.shop.orders/profile?column=ID")).json()
    ProfileShape.model_validate(found)
    assert (found["column"], found["rows"], found["nulls"], found["min"], found["max"], found["mean"]) == (
        *("id", 3, 0, "0", "2", 1.0),
    )
    answer = await api.get(f"{DATASETS}/bronze.shop.orders/profile?column=nothing")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "unknown_column")


@pytest.mark.usefixtures("orders")
async def test_a_table_is_downloaded_as_parquet_and_as_csv(api: httpx2.AsyncClient) -> None:
    answer = await api.get(f"{DATASETS}/bronze.shop.orders/download")
    assert answer.headers["content-disposition"] == 'attachment; filename="bronze.shop.orders.parquet"'
    assert pq.read_table(io.BytesIO(answer.content)).column("price").to_pylist() == [ROWS[0]["price"]] * 3
    answer = await api.get(f"{DATASETS}/bronze.shop.orders/download?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    read = list(csv.DictReader(io.StringIO(answer.text)))
    assert sorted(each["id"] for each in read) == ["0", "1", "2"]
    assert (await api.head(f"{DATASETS}/bronze.shop.orders/download")).content == b""


@pytest.mark.usefixtures("sales")
async def test_an_earlier_version_can_be_read(api: httpx2.AsyncClient) -> None:
    for query, rows in (("", 2), ("?version=0", 1)):
        answer = await api.get(f"{DATASETS}/gold.sales/preview{query}")
        assert len(answer.json()["rows"]) == rows
    answer = await api.get(f"{DATASETS}/gold.sales/download?version=7")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (404, "gone")


@pytest.mark.usefixtures("orders")
async def test_a_file_that_is_gone_is_told_without_its_address(
    api: httpx2.AsyncClient, tmp_path: Path, team: Team
) -> None:
    (tmp_path / f"{team.org_id}/bronze/shop/orders/1.parquet").unlink()
    answer = await api.get(f"{DATASETS}/bronze.shop.orders/preview")
    assert answer.status_code == 404
    assert str(tmp_path) not in answer.text


async def test_a_table_without_columns_has_no_rows_and_no_file(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    made = await manifest.ensure_dataset(gateway.pool, team.org_id, "gold", "empty", "nowhere")
    await manifest.wrote(gateway.pool, made.id, 0, [], -1)
    assert (await api.get(f"{DATASETS}/gold.empty/preview")).json() == {"columns": [], "rows": [], "cut": False}
    assert (await api.get(f"{DATASETS}/gold.empty/download")).status_code == 409


async def test_who_goes_away_ends_the_reading_and_makes_room_for_the_next(tmp_path: Path) -> None:
    rows = pa.table({"n": pa.array(range(2_000_000))})
    pq.write_table(rows, tmp_path / "1.parquet")
    desk = Desk(downloads=1)
    wanted = Request("csv", tmp_path.as_uri(), "", "many", files=["1.parquet"])
    pieces = desk.download(wanted)
    assert await anext(pieces)
    with pytest.raises(Busy):
        await anext(desk.download(wanted))
    await pieces.aclose()
    gone = desk.download(Request("csv", tmp_path.as_uri(), "", "gone", files=["2.parquet"]))
    with pytest.raises(CannotRead):
        await anext(gone)
