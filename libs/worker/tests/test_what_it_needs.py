"""A worker that lacks what its runs need says so, takes none of them, and goes on when it has it; what its runs need at
once is there when it is ready."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vai_common.health import Health
from vai_common.ids import uuid7
from vai_records.secrets.keys import Keyring
from vai_records.secrets.trust import trust_keys
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyHeavy, ToyLight
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker import wiring

OLD, NEW = "old:" + "A" * 43 + "=", "new:" + "B" * 42 + "A="


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "hide_memory", lambda: None)
    monkeypatch.setattr(wiring, "AGAIN_SECONDS", 0.05)


async def _take_a_run(database: Database, mend: Callable[[], object], url: str, said: str, keys: str = "") -> None:
    light = ToyLight()
    light.go.set()
    run = new_run(kind="http_request")
    async with working(database.url, light, lake_url=url, encryption_keys=keys) as (service, worker):
        (problem,) = [each for each in service.health.problems() if said in each]
        assert ": " in problem, "it says what to do"
        await database.make(run)
        assert worker.free == 0
        mend()
        await wait_for(lambda: _is_done(database, run.id), 20, what="the run is done")
        assert service.health.problems() == []


async def _is_done(database: Database, run_id: object) -> bool:
    return str(await database.where(run_id)).endswith("done")  # type: ignore[arg-type]


async def test_a_lake_that_cannot_be_written(own_database: Database, tmp_path: Path) -> None:
    in_the_way = tmp_path / "lake"
    in_the_way.touch()
    await _take_a_run(
        own_database, in_the_way.unlink, f"file://{in_the_way}/lake", "cannot be written: Not a directory"
    )


async def test_keys_that_do_not_open_what_is_stored(own_database: Database) -> None:
    pool, (org, connection) = await own_database.owner(), (uuid7(), uuid7())
    await pool.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, 'a', 'A')", org)
    await pool.execute(
        "INSERT INTO connections (id, org_id, name, slug, provider, credentials) VALUES ($1, $2, 'c', 'c', 'x', $3)",
        *(connection, org, Keyring(OLD).encrypt(b"{}", org, connection)),
    )
    for ring, words in ((Keyring(NEW), "The key 'old' is missing in VAI_ENCRYPTION_KEYS"), (None, "is empty")):
        health = Health()
        assert not await trust_keys(health, pool, ring)
        (problem,) = [each for each in health.problems() if "VAI_ENCRYPTION_KEYS" in each]
        assert words in problem
        assert ": give " in problem
    assert await trust_keys(health, pool, Keyring(f"{NEW},{OLD}"))
    assert not any("VAI_ENCRYPTION_KEYS" in each for each in health.problems())


def _fork_servers() -> set[str]:
    """Those of this process."""
    own = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {pid for pid in own if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.parametrize(("waiting", "is_there"), [("dlt_extract", True), ("http_request", False), ("", False)])
async def test_it_is_ready_with_its_fork_server_where_heavy_runs_wait(
    own_database: Database, waiting: str, is_there: bool
) -> None:
    """In a rollout the old process is told to go as soon as the new one is ready; its runs come over at once."""
    if waiting:
        await own_database.make(new_run(kind=waiting))
    before = _fork_servers()
    async with working(own_database.url, ToyHeavy(), ToyLight()):
        assert len(_fork_servers() - before) == is_there
