"""Each check of the doctor meets its fault for real, and says what to do about it."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_common.messages import refusals
from vai_common.messages.brokers import Brokers
from vai_common.queries import Pool
from vai_devstack.servers.broker import Broker
from vai_records.definitions.kinds import KINDS
from vai_records.schema import partitions
from vai_records.secrets.keys import Keyring
from vai_testkit.database import Database
from vai_testkit.servers import s3
from vai_testkit.servers.broker import NOWHERE
from vai_testkit.servers.pooler import pooled
from vai_worker.doctor import database as checks
from vai_worker.doctor import outside
from vai_worker.doctor.__main__ import main
from vai_worker.doctor.finding import Finding
from vai_worker.doctor.tables import tables

OLD, NEW = "old:" + "A" * 43 + "=", "new:" + "B" * 42 + "A="
_SOON = f"run_logs_{now().date() + timedelta(days=1):%Y%m%d}"

FAULTS: list[tuple[Callable[[Pool], Awaitable[Finding]], str, str, str]] = [
    (checks.schema, "UPDATE alembic_version SET version_num = '0004'", "older than", "Run `make migrate`"),
    (checks.schema, "UPDATE schema_serves SET oldest = '9999'", "or later", "Run a newer version"),
    (checks.partitions, f"DROP TABLE {_SOON}", f"{_SOON} are not there", "Start a watchdog"),
    (checks.scaling, "REVOKE ALL ON worker_load FROM vai_scaler", "may not read worker_load", "Run `make migrate`"),
    (checks.scaling, "GRANT SELECT ON runs TO vai_scaler", "may read runs", "REVOKE"),
]


@pytest.mark.parametrize(("check", "harm", "fault", "advice"), FAULTS, ids=[harm for _, harm, *_ in FAULTS])
async def test_harm_to_the_database_is_found(
    own_database: Database, check: Any, harm: str, fault: str, advice: str
) -> None:
    pool = await own_database.owner()
    assert (await check(pool)).is_ok
    await pool.execute(harm)
    found = await check(pool)
    assert fault in found.fault
    assert advice in found.advice
    assert found.line().startswith("WRONG")


async def test_an_old_partition_that_nobody_drops_is_found(own_database: Database) -> None:
    await partitions.make_ahead(await own_database.pool("migrate"), now().date() - timedelta(days=60))
    assert "should have been dropped" in (await checks.partitions(await own_database.owner())).fault


async def test_a_clock_that_is_off_is_found(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = await own_database.owner()
    assert (await checks.clock(pool)).is_ok
    monkeypatch.setattr(checks, "now", lambda: now() - timedelta(seconds=90))
    assert "90 s apart" in (await checks.clock(pool)).fault


async def test_a_user_without_rights_is_found(own_database: Database) -> None:
    owner, login = await own_database.owner(), f"u{uuid7().hex}"
    assert (await checks.rights(owner)).is_ok
    await owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'")
    try:
        async with owner.acquire() as conn:
            await conn.execute(f"SET ROLE {login}")
            found = await checks.rights(conn)
            await conn.execute("RESET ROLE")
        assert "may not read and write" in found.fault
    finally:
        await owner.execute(f"DROP ROLE {login}")


async def test_connections_that_run_out_are_found(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = await own_database.owner()
    assert (await checks.connections(pool)).is_ok
    others = [await asyncpg.connect(own_database.url) for _ in range(3)]
    try:
        most = await pool.fetchval("SELECT current_setting('max_connections')::int")
        monkeypatch.setattr(checks, "BUSY_SHARE", 2 / most)
        assert "connections are taken" in (await checks.connections(pool)).fault
    finally:
        for other in others:
            await other.close()


async def test_a_pooler_that_loses_something_is_found(own_database: Database) -> None:
    url = own_database.url
    assert (await checks.pooler(url, url)).seen == "none before the database"
    async with pooled(url, ("jit",)) as refuses:
        assert "ignore_startup_parameters" in (await checks.pooler(refuses, url)).advice
    async with pooled(url) as pooler:
        assert "max_prepared_statements" in (await checks.pooler(pooler, url)).line()
        assert "Set VAI_DATABASE_DIRECT_URL" in (await checks.pooler(url, pooler)).advice
    assert "does not answer" in (await checks.pooler("postgresql://127.0.0.1:1/x", url)).fault


async def test_kinds_that_nobody_serves_are_found(own_database: Database) -> None:
    pool = await own_database.owner()
    found = await checks.workers(pool)
    assert "dlt_extract" in found.fault
    assert "extract-worker" in found.advice
    available = [kind.name for kind in KINDS.values() if kind.available]
    assert (await checks.workers(pool, available)).seen == f"all but {', '.join(available)}, which may rest"
    assert "no live worker serves dlt_extract." in (await checks.workers(pool, available[1:])).line()
    await own_database.register(kinds=[kind.name for kind in KINDS.values()])
    assert (await checks.workers(pool)).is_ok


async def test_a_key_that_is_missing_in_the_secret_is_found(own_database: Database) -> None:
    pool, (org, connection) = await own_database.owner(), (uuid7(), uuid7())
    await pool.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, 'a', 'A')", org)
    await pool.execute(
        "INSERT INTO connections (id, org_id, name, slug, provider, credentials) VALUES ($1, $2, 'c', 'c', 'x', $3)",
        *(connection, org, Keyring(OLD).encrypt(b"{}", org, connection)),
    )
    assert (await checks.secrets(pool, f"{NEW},{OLD}")).is_ok
    assert "VAI_ENCRYPTION_KEYS" in (await checks.secrets(pool, NEW)).advice


async def test_a_broker_is_reached_and_has_the_topics(broker: Broker) -> None:
    assert (await outside.kafka(Brokers(broker.address), 1)).is_ok
    assert "does not answer" in (await outside.kafka(Brokers(NOWHERE), 1)).fault


async def test_what_the_broker_refuses_is_found_in_the_words_of_readiness(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_given: object) -> None:
        raise refusals.NotMade("Kafka does not let the user vai make the topic a: give it the right Create on it")

    async def nothing(_brokers: Brokers) -> set[str]:
        return set()

    monkeypatch.setattr(outside, "make_topics", refuses)
    monkeypatch.setattr(outside, "_listed", nothing)
    found = await outside.kafka(Brokers(broker.address), 1)
    assert found.fault == "Kafka does not let the user vai make the topic a"
    assert found.advice == "Give it the right Create on it"


async def test_a_lake_in_s3_takes_a_file_or_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3.opened() as bucket:
        keys = {"AWS_ENDPOINT_URL": bucket.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        for name, value in {**keys, "AWS_REGION": "eu-central-1"}.items():
            monkeypatch.setenv(name, value)
        assert (await outside.lake("s3://lake/vai")).is_ok
        assert bucket.objects == {}, "the probe is taken away"
        bucket.read_only = True
        found = await outside.lake("s3://lake/vai")
    assert found.fault == "the lake s3://lake/vai cannot be written, read and deleted in (its keys may not)"
    assert "the rights PutObject" in found.advice


async def test_a_store_that_is_away_is_told_as_such(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-central-1"}
    for name, value in {**keys, "AWS_ENDPOINT_URL": f"http://{NOWHERE}"}.items():
        monkeypatch.setenv(name, value)
    found = await outside.lake("s3://lake/vai")
    assert "there is no connection to its store" in found.fault
    compared = await tables(await own_database.owner(), "s3://lake/vai")
    assert "s3://lake/vai cannot be listed (there is no connection to its store)" in compared.fault
    assert compared.advice.startswith("See VAI_LAKE_URL")


async def test_a_lake_that_cannot_be_written_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await outside.lake(f"file://{tmp_path}/lake")).is_ok
    (tmp_path / "file").touch()
    assert "cannot be written" in (await outside.lake(f"file://{tmp_path}/file/lake")).fault
    monkeypatch.setattr(outside, "LEAST_SHARE", 1.1)
    assert "of its disk are free" in (await outside.lake(f"file://{tmp_path}/lake")).fault


def test_the_command_says_it_by_lines_as_json_and_by_its_exit_code(
    module_url: str, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAI_DATABASE_URL", module_url)
    monkeypatch.setenv("VAI_KAFKA", broker.address)
    monkeypatch.setenv("VAI_LAKE_URL", f"file://{tmp_path}/lake")
    assert main([]) == 1, "no worker is there"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("WRONG")] == ["workers:"]

    assert main(["--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["check"] for one in found if not one["ok"]] == ["workers"]

    monkeypatch.setenv("VAI_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/vai")
    assert main([]) == 1
    assert "WRONG  database: it does not answer" in capsys.readouterr().out

    for name in ("nobody:wrong", "nothere"):
        head, _, base = module_url.rpartition("/")
        scheme, _, place = head.rpartition("@")
        wrong = f"{scheme.partition('://')[0]}://{name}@{place}/{base}" if ":" in name else f"{head}/{name}"
        monkeypatch.setenv("VAI_DATABASE_URL", wrong)
        assert main([]) == 1
        told = capsys.readouterr().out
        assert "WRONG  database: it refuses the session: " in told
        assert "See user, password and database in VAI_DATABASE_URL" in told

    monkeypatch.setenv("VAI_LAKE_URL", "nowhere")
    assert main([]) == 2
    assert "VAI_LAKE_URL" in capsys.readouterr().err
