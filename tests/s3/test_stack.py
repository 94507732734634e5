"""A whole stack whose lake is on S3: what dies there costs nothing, and a backup of it is all of it."""

import io
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from deltalake import DeltaTable

from tests.integration.holders import holder_of
from tests.integration.lake import manifest
from tests.integration.runs import logged, sample
from vai_devstack.servers.s3 import BUCKET, S3Server
from vai_devstack.stack import Stack
from vai_testkit.database import (  # noqa: F401
    database_url,
    in_database,
    own_database,
    postgres_server,
)
from vai_testkit.fixtures import api, database  # noqa: F401
from vai_testkit.installation import Installation, installation  # noqa: F401
from vai_testkit.stack import create_run, run_when, running_stack
from vai_testkit.wait import wait_for
from vai_worker.backup.errors import BackupError
from vai_worker.backup.restoring import restore
from vai_worker.backup.saving import save
from vai_worker.doctor.tables import tables
from vai_worker.lake import rights as lake_rights
from vai_worker.lake.places import Lake
from vai_worker.lake.storage import Unread, open_lake

pytestmark = [pytest.mark.apart, pytest.mark.timeout(300)]

_ROWS, _SLICES = 2_000, 10
_LASTING = {"slices": _SLICES, "rows_per_second": 500}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    replicas = {"extract-worker": 2, "transform-worker": 2}
    async with running_stack(tmp_path_factory.mktemp("stack"), replicas=replicas, lake="s3") as running:
        yield running


@pytest.fixture
def keys(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys to the lake of the stack."""
    for name, value in stack.lake_keys.items():
        monkeypatch.setenv(name, value)


async def _rows_of(stack: Stack, database: Any, run_id: str) -> list[int]:  # noqa: F811
    storage = open_lake(stack.lake)
    found: list[int] = []
    for row in await manifest(database, run_id):
        data = b"".join(storage.parts(row["path"]))
        found += pq.read_table(io.BytesIO(data), columns=["id"])["id"].to_pylist()
    return sorted(found)


@pytest.mark.usefixtures("keys")
async def test_a_worker_and_the_store_die_in_the_middle_and_every_row_is_there_once(
    stack: Stack,
    api: httpx2.AsyncClient,  # noqa: F811
    database: Any,  # noqa: F811
) -> None:
    run = await create_run(api, "dlt_extract", sample(_ROWS, **_LASTING, source_name="killed"))
    await logged(api, run["id"], "slice_completed", times=2)
    worker = await holder_of(stack, database, run["id"])
    await worker.kill()
    await logged(api, run["id"], "lease_acquired", times=2)
    assert stack.s3 is not None
    await stack.s3.kill()
    await stack.s3.start()
    ended = await run_when(api, run["id"], timeout=120)
    assert ended["status"] == "completed", ended
    assert await _rows_of(stack, database, run["id"]) == list(range(1, _ROWS + 1))
    await stack.start_service(worker.service.name, worker.index)


@pytest.mark.usefixtures("keys")
async def test_runs_that_merge_into_one_table_at_once_lose_nothing(
    stack: Stack,
    api: httpx2.AsyncClient,  # noqa: F811
) -> None:
    definition = {"transform_name": "merged", "mode": "incremental_merge", "merge_keys": ["id"], "inputs": []}
    runs = [
        await create_run(api, "duckdb_transform", definition | {"sql": f"SELECT {number} AS id, now() AS at"})
        for number in range(6)
    ]
    for run in runs:
        ended = await run_when(api, run["id"], timeout=120)
        assert ended["status"] == "completed", ended
    table = DeltaTable(f"{stack.lake}/{stack.org_id}/silver/merged", storage_options=Lake(stack.lake).options())
    assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == list(range(6))


async def test_a_worker_without_its_bucket_claims_nothing_and_says_why(
    stack: Stack,
    api: httpx2.AsyncClient,  # noqa: F811
) -> None:
    """Readiness names what is refused, and the run waits for a worker that may write."""
    instance = next(each for each in stack.instances if each.service.name == "transform-worker")
    port = instance.address.rpartition(":")[2]
    await stack.stop_service("transform-worker", 0)
    instance.environment = {**instance.environment, "VAI_LAKE_URL": "s3://elsewhere"}
    instance.start()
    try:
        answer = await wait_for(partial(_says, port, "elsewhere"), 45, what="readiness names the lake")
        assert answer.status_code == 503
        assert "there is no such bucket" in answer.text
    finally:
        await stack.stop_service("transform-worker", 0)
        instance.environment = {**instance.environment, "VAI_LAKE_URL": stack.lake}
        await stack.start_service("transform-worker", 0)


async def _says(port: str, word: str) -> httpx2.Response | None:
    """What readiness answers, as soon as it has the word."""
    with suppress(httpx2.TransportError):
        async with httpx2.AsyncClient() as http:
            answer = await http.get(f"http://127.0.0.1:{port}/readyz")
            return answer if word in answer.text else None
    return None


async def test_a_backup_on_s3_is_restored_into_a_lake_on_s3(
    installation: Installation,  # noqa: F811
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, backup, lake = installation.database.url, f"s3://{BUCKET}/backups", f"s3://{BUCKET}/restored"
    await save(url, installation.lake_url, backup, lake_only=True)
    await restore(url, lake, backup, "", lake_only=True)
    pool = await installation.database.pool("watchdog")
    assert (await tables(pool, lake)).seen == "2 files and 1 Delta tables are as the database says"
    assert await lake_rights.fault(lake) is None
    with pytest.raises((BackupError, Unread), match="there is no such bucket"):
        await save(url, lake, "s3://elsewhere/backups", lake_only=True)
    with pytest.raises((BackupError, Unread), match="there is no such bucket"):
        await restore(url, "s3://elsewhere/lake", backup, "", lake_only=True)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises((BackupError, Unread), match="its secret key is wrong"):
        await save(url, lake, backup, lake_only=True)
