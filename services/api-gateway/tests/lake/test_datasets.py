"""Datasets as people see them: lists, one table, its history, where its rows come from and go."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.lake.shapes import DatasetDetailShape, DatasetsShape, LineageShape, VersionsShape
from vai_common.ids import uuid7
from vai_records.lake import columns, manifest, writes
from vai_testkit.team import Team, make_team

DATASETS = "/api/v1/datasets"
COLUMNS = [{"name": "id", "type": "BIGINT"}]


class Lake:
    """Tables as workers leave them."""

    def __init__(self, gateway: Gateway, team: Team) -> None:
        self.pool, self.org_id = gateway.pool, team.org_id

    async def bronze(self, name: str, connection: UUID | None = None, rows: int = 5) -> UUID:
        made = await manifest.ensure_dataset(self.pool, self.org_id, "bronze", name, f"{self.org_id}/bronze/{name}")
        load = manifest.Load(self.org_id, made.id, connection, uuid7(), 1, "orders")
        files = [manifest.NewFile(f"{made.location}/{load.run_id}.parquet", "1", rows, 100)]
        await manifest.add_files(self.pool, load, files, visible=True)
        await manifest.save_columns(self.pool, load, COLUMNS, replaced=False)
        await manifest.note_filling(self.pool, load, {"of": "shop", "action": None}, True)
        return made.id

    async def table(self, layer: str, name: str, *inputs: UUID, version: int = 0, replaces: bool = True) -> UUID:
        made = await manifest.ensure_dataset(self.pool, self.org_id, layer, name, f"{self.org_id}/{layer}/{name}")
        run = uuid7()
        await manifest.wrote(self.pool, made.id, 7, COLUMNS, version)
        await writes.note_reads(self.pool, made.id, inputs, run, replaces)
        await writes.note(self.pool, writes.Write(made.id, run, 7, 900, version=version, table_rows=7))
        return made.id


@pytest.fixture
def lake(gateway: Gateway, team: Team) -> Lake:
    return Lake(gateway, team)


async def get(api: httpx2.AsyncClient, path: str = "") -> dict[str, Any]:
    answer = await api.get(f"{DATASETS}{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_list_shows_what_was_written_last_first(api: httpx2.AsyncClient, lake: Lake) -> None:
    orders = await lake.bronze("shop.orders")
    await lake.table("silver", "orders", orders)
    await lake.table("gold", "sales")
    await manifest.ensure_dataset(lake.pool, lake.org_id, "gold", "of_nobody", "nowhere")

    found = await get(api)
    DatasetsShape.model_validate(found)
    assert [each["name"] for each in found["datasets"]] == ["gold.sales", "silver.orders", "bronze.shop.orders"]
    assert found["total"] == 3
    assert found["datasets"][0]["lastWrite"]["rows"] == 7
    assert 0 <= found["datasets"][0]["secondsOld"] < 60


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=ORDERS", ["silver.orders", "bronze.shop.orders"]),
        ("?q=100%25", []),
        ("?layer=bronze,gold", ["gold.sales", "bronze.shop.orders"]),
        ("?connection=my-shop", ["bronze.shop.orders"]),
        ("?connection=another", []),
        ("?limit=1&offset=1", ["silver.orders"]),
    ],
)
async def test_a_list_is_filtered(api: httpx2.AsyncClient, lake: Lake, query: str, names: list[str]) -> None:
    made = await api.post("/api/v1/connections", json={"provider": "rest", "name": "My shop"})
    await lake.bronze("shop.orders", UUID(made.json()["id"]))
    await lake.table("silver", "orders")
    await lake.table("gold", "sales")
    assert [each["name"] for each in (await get(api, query))["datasets"]] == names


async def test_a_dataset_tells_its_columns_its_size_and_who_reads_it(api: httpx2.AsyncClient, lake: Lake) -> None:
    orders = await lake.bronze("shop.orders", rows=5)
    await lake.bronze("shop.orders", rows=6)
    silver = await lake.table("silver", "orders", orders)

    found = await get(api, "/bronze.shop.orders")
    DatasetDetailShape.model_validate(found)
    assert (found["rowCount"], found["bytes"], found["files"], found["columns"]) == (11, 200, 2, COLUMNS)
    assert [each["name"] for each in found["readBy"]] == ["silver.orders"]
    table = await get(api, f"/{silver}")
    assert (table["name"], table["bytes"], table["version"], table["readBy"]) == ("silver.orders", 900, 0, [])
    assert table["upkeep"] == {"rule": {"compact": True, "keepHours": 24}, "last": None}


async def test_each_write_is_remembered(api: httpx2.AsyncClient, lake: Lake) -> None:
    for version in range(3):
        await lake.table("gold", "sales", version=version)
    found = await get(api, "/gold.sales/versions?limit=2")
    VersionsShape.model_validate(found)
    assert ([each["version"] for each in found["versions"]], found["total"], found["hasNext"]) == ([2, 1], 3, True)


async def test_lineage_goes_from_the_source_to_what_is_made_of_it(api: httpx2.AsyncClient, lake: Lake) -> None:
    orders, customers = await lake.bronze("shop.orders"), await lake.bronze("crm.customers")
    silver = await lake.table("silver", "orders", orders)
    await lake.table("gold", "sales", silver, customers)
    await lake.table("gold", "apart")

    found = await get(api, "/silver.orders/lineage")
    LineageShape.model_validate(found)
    names = {each["id"]: each["name"] for each in found["nodes"]}
    edges = {(names[each["source"]], names[each["target"]]) for each in found["edges"]}
    assert edges == {
        ("shop: orders", "bronze.shop.orders"),
        ("bronze.shop.orders", "silver.orders"),
        ("silver.orders", "gold.sales"),
    }
    assert found["complete"] is True
    up = await get(api, "/gold.sales/lineage?direction=upstream&depth=1")
    assert {each["name"] for each in up["nodes"] if each["type"] == "dataset"} == {
        *("gold.sales", "silver.orders", "bronze.crm.customers"),
    }
    assert up["complete"] is False


async def test_two_tables_that_read_each_other_have_a_lineage(api: httpx2.AsyncClient, lake: Lake) -> None:
    first = await lake.table("silver", "first")
    second = await lake.table("silver", "second", first)
    await lake.table("silver", "first", second)
    found = await get(api, "/silver.first/lineage?depth=20")
    assert (len(found["nodes"]), len(found["edges"]), found["complete"]) == (2, 2, True)


async def test_an_input_that_is_read_no_more_leaves_the_lineage(api: httpx2.AsyncClient, lake: Lake) -> None:
    old, new = await lake.bronze("shop.old"), await lake.bronze("shop.new")
    await lake.table("gold", "sales", old)
    await lake.table("gold", "sales", new, version=1)
    assert len((await get(api, "/gold.sales/lineage?direction=upstream"))["edges"]) == 2  # the source, and the table
    await lake.table("gold", "sales", old, version=2, replaces=False)
    assert len((await get(api, "/gold.sales/lineage?direction=upstream"))["edges"]) == 4


async def test_another_organisation_sees_nothing(web: httpx2.AsyncClient, gateway: Gateway, lake: Lake) -> None:
    identity = await lake.table("gold", "sales")
    stranger = (await make_team(gateway.engine, "stranger")).headers()
    assert (await web.get(DATASETS, headers=stranger)).json()["total"] == 0
    for name in ("gold.sales", str(identity)):
        for part in ("", "/versions", "/lineage", "/preview", "/profile?column=id", "/download"):
            answer = await web.get(f"{DATASETS}/{name}{part}", headers=stranger)
            assert answer.status_code == 404, part


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gold.none", 404),
        ("/..%2F..%2Fetc", 404),
        ("/gold.sales/lineage?depth=0", 422),
        ("/gold.sales/lineage?direction=sideways", 422),
        ("/gold.sales/preview?rows=0", 422),
        ("/gold.sales/preview?version=-1", 422),
        ("/gold.sales/download?format=xlsx", 422),
        ("/gold.sales/profile", 422),
        ("/bronze.shop.orders/preview?version=1", 422),
        ("?layer=platinum", 422),
        ("?connections=x", 422),
    ],
)
async def test_what_cannot_be_is_refused(api: httpx2.AsyncClient, lake: Lake, path: str, status: int) -> None:
    await lake.table("gold", "sales")
    await lake.bronze("shop.orders")
    answer = await api.get(f"{DATASETS}{path}")
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


class Columns:
    """`gold.sales` sums what `silver.orders` takes from bronze; of `silver.odd` nobody knows what it takes."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    async def make(self) -> None:
        bronze = await self._lake.bronze("shop.orders")
        self.bronze = str(bronze)
        self.orders = str(
            await self._write(
                "silver", "orders", bronze, [("Id", bronze, "id", "identity"), ("t", bronze, "total", "transformation")]
            )
        )
        self.sales = str(
            await self._write("gold", "sales", UUID(self.orders), [("sum", UUID(self.orders), "T", "aggregation")])
        )
        self.odd = str(
            await self._write("silver", "odd", UUID(self.orders), [], ["x"], "sqlglot cannot tell the columns of PIVOT")
        )

    async def _write(
        self, layer: str, name: str, read: UUID, pairs: Any, unknown: Any = (), reason: str | None = None
    ) -> UUID:
        identity = await self._lake.table(layer, name, read)
        told = columns.Told(pairs, unknown, reason)
        await columns.note(self._lake.pool, identity, uuid7(), told, replaces=True)
        names = [{"name": each, "type": "BIGINT"} for each in [*(pair[0] for pair in pairs), *unknown]]
        await manifest.wrote(self._lake.pool, identity, 7, names, 1)
        return identity


async def test_the_lineage_of_all_columns(api: httpx2.AsyncClient, lake: Lake) -> None:
    made = Columns(lake)
    await made.make()
    plain = await get(api, "/gold.sales/lineage")
    assert (plain["columns"], plain["unknownColumns"]) == (None, None)
    found = await get(api, "/silver.orders/lineage?columns=true")
    LineageShape.model_validate(found)
    assert {
        (each["source"], each["sourceColumn"], each["target"], each["targetColumn"], each["how"])
        for each in found["columns"]
    } == {
        (made.bronze, "id", made.orders, "Id", "identity"),
        (made.bronze, "total", made.orders, "t", "transformation"),
        (made.orders, "T", made.sales, "sum", "aggregation"),
    }
    assert found["unknownColumns"] == [
        {"dataset": made.odd, "columns": ["x"], "reason": "sqlglot cannot tell the columns of PIVOT"}
    ]


async def test_the_lineage_of_one_column(api: httpx2.AsyncClient, lake: Lake) -> None:
    made = Columns(lake)
    await made.make()
    up = await get(api, "/gold.sales/lineage?direction=upstream&column=SUM")
    assert [(each["sourceColumn"], each["targetColumn"]) for each in up["columns"]] == [("T", "sum"), ("total", "t")]
    assert (up["unknownColumns"], up["complete"]) == ([], True)
    near = await get(api, "/gold.sales/lineage?direction=upstream&column=sum&depth=1")
    assert ([each["sourceColumn"] for each in near["columns"]], near["complete"]) == (["T"], False)
    down = await get(api, "/silver.orders/lineage?direction=downstream&column=id")
    assert down["columns"] == []
    assert [each["dataset"] for each in down["unknownColumns"]] == [made.odd]  # it reads the table: nobody knows
    lost = await get(api, "/silver.odd/lineage?direction=upstream&column=x")
    assert [each["reason"] for each in lost["unknownColumns"]] == ["sqlglot cannot tell the columns of PIVOT"]


async def test_a_table_of_an_earlier_version_says_so(api: httpx2.AsyncClient, lake: Lake) -> None:
    orders = await lake.bronze("shop.orders")
    await lake.table("gold", "sales", orders)
    found = await get(api, "/gold.sales/lineage?column=id")
    assert found["columns"] == []
    assert "earlier version" in found["unknownColumns"][0]["reason"]


async def test_a_full_refresh_replaces_what_is_said_of_columns_and_a_merge_adds(
    api: httpx2.AsyncClient, lake: Lake
) -> None:
    orders = await lake.bronze("shop.orders")
    sales = await lake.table("gold", "sales", orders)
    for column, replaces in (("a", True), ("b", False), ("b", False)):
        await columns.note(lake.pool, sales, uuid7(), columns.Told([("id", orders, column, "identity")]), replaces)
    found = await get(api, "/gold.sales/lineage?columns=true")
    assert [each["sourceColumn"] for each in found["columns"]] == ["a", "b"]
    await columns.note(lake.pool, sales, uuid7(), columns.Told([("id", orders, "c", "identity")]), replaces=True)
    found = await get(api, "/gold.sales/lineage?columns=true")
    assert [each["sourceColumn"] for each in found["columns"]] == ["c"]
    await columns.forget_old(lake.pool)
    assert await lake.pool.fetchval("SELECT count(*) FROM dataset_columns WHERE dataset_id = $1", sales) == 1


@pytest.mark.parametrize(("query", "status"), [("column=none", 404), ("column=", 422), ("columns=perhaps", 422)])
async def test_a_column_that_is_not_there_is_refused(
    api: httpx2.AsyncClient, lake: Lake, query: str, status: int
) -> None:
    await lake.table("gold", "sales")
    answer = await api.get(f"{DATASETS}/gold.sales/lineage?{query}")
    assert answer.status_code == status, answer.text
