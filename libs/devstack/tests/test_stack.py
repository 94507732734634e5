"""The stack as a library, with real servers and stand-in services."""

import hashlib
import json
import signal
import stat
import urllib.request
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from vai_devstack.config import Config
from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.ownership import give_to_services
from vai_devstack.servers.ports import random_base
from vai_devstack.servers.process import becomes
from vai_devstack.servers.seed import ensure_database, seed
from vai_devstack.servers.topics import all_topics
from vai_devstack.show import rows_of
from vai_devstack.stack import AlreadyRunning, Stack
from vai_devstack.supervisor import Supervisor
from vai_records.schema.migrate import migrate

Connection = Any  # asyncpg's connection is generic for the type checker only


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(stack.database)
    yield connection
    await connection.close()


async def setting(connection: Connection, name: str) -> Any:
    return await connection.fetchval("SELECT current_setting($1)", name)


def environment_of(stack: Stack, address: str) -> dict[str, str]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return dict(json.load(answer))


async def test_the_embedded_postgres_is_durable_and_asks_for_a_password(database: Connection, stack: Stack) -> None:
    assert [await setting(database, name) for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3
    assert await setting(database, "password_encryption") == "scram-sha-256"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(stack.database.replace(stack.secrets.services_password, "guessed"))


async def test_the_services_own_their_database_and_are_no_superuser(database: Connection, stack: Stack) -> None:
    mine = """SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, pg_get_userbyid(datdba) = current_user
        FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"""
    assert tuple(await database.fetchrow(mine)) == (False, False, False, False, True)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute("COPY runs TO PROGRAM 'true'")
    given = environment_of(stack, stack.describe()["services"]["watchdog"]["metrics"][0])
    assert not [name for name, value in given.items() if stack.secrets.postgres_password in value]


async def test_a_database_that_a_superuser_has_filled_is_given_to_the_services(stack: Stack) -> None:
    """As older versions left it; the next start migrates it, as a user who must own all that is there."""
    head, _, _ = stack.postgres.admin_url.rpartition("/")
    old = f"{head}/older"
    url = f"{stack.database.rpartition('/')[0]}/older"
    await ensure_database(old)
    await migrate(old, "0007")
    connection = await asyncpg.connect(old)
    for _ in range(2):
        await give_to_services(old, url)
    await migrate(url)
    owned = "relnamespace = 'public'::regnamespace AND relowner = 'vai'::regrole"
    assert await connection.fetchval(f"SELECT count(*) FROM pg_class WHERE {owned}") == 0
    await connection.close()
    assert await seed(url, UUID(stack.org_id), stack.api_key) == UUID(stack.org_id)


async def test_the_database_has_an_organisation_a_user_and_the_key(database: Connection, stack: Stack) -> None:
    hashed = hashlib.sha256(stack.api_key.encode()).digest()
    key = await database.fetchrow("SELECT * FROM api_keys WHERE key_hash = $1", hashed)

    assert (str(key["org_id"]), key["role"]) == (stack.org_id, "admin")
    assert stack.api_key.startswith(key["prefix"] + "_")
    assert await database.fetchval("SELECT slug FROM organisations WHERE id = $1", key["org_id"]) == "local"


async def test_seeding_again_changes_nothing(database: Connection, stack: Stack) -> None:
    again = await seed(stack.database, UUID(int=7), stack.api_key)

    assert str(again) == stack.org_id
    assert await database.fetchval("SELECT count(*) FROM api_keys") == 1


async def test_every_service_has_a_process_a_log_and_its_settings(stack: Stack) -> None:
    described = stack.describe()

    assert [len(service["pids"]) for service in described["services"].values()] == [1] * 7
    given = environment_of(stack, described["services"]["extract-worker"]["metrics"][0])
    assert given["VAI_BELL"] == "notify"
    assert given["VAI_DATABASE_URL"] == stack.database
    assert given["VAI_LAKE_URL"] == stack.lake
    assert {"VAI_ENCRYPTION_KEYS", "VAI_TOKEN_SECRET", "VAI_GRPC_PORT", "VAI_HTTP_PORT"} <= set(given)
    assert all(stack.log(service).exists() for service in described["services"])
    assert given["VAI_ADMIN_TOKEN"] == "", "whoever runs the installation is known to the gateway alone"
    gateway = environment_of(stack, described["services"]["api-gateway"]["addresses"][0])
    assert gateway["VAI_ADMIN_TOKEN"] == described["admin_token"] == stack.secrets.admin_token


async def test_each_process_gets_its_own_secrets_and_no_others(stack: Stack) -> None:
    known = stack.secrets
    secrets = (known.encryption_keys, known.token_secret, known.admin_token, stack.api_key)
    opens = {"api-gateway", "extract-worker", "transform-worker", "agent-worker", "scheduler"}
    for name, service in stack.describe()["services"].items():
        told = environment_of(stack, service["addresses" if name == "api-gateway" else "metrics"][0])
        own = {known.encryption_keys} if name in opens else set()
        own |= {known.token_secret, known.admin_token} if name == "api-gateway" else set()
        assert {secret for secret in secrets if secret in told.values()} == own, name


async def test_what_scripts_read_is_for_the_owner_only(stack: Stack) -> None:
    told = json.loads(stack.home.stack.read_text())

    assert stat.S_IMODE(stack.home.stack.stat().st_mode) == 0o600
    assert (told["VAI_API_URL"], told["VAI_API_KEY"]) == (stack.api_url, stack.api_key)
    assert told["org_id"] == stack.org_id


async def test_status_shows_servers_and_services(stack: Stack) -> None:
    rows = await rows_of(stack.describe())

    assert [row.name for row in rows][:3] == ["supervisor", "postgres", "kafka (embedded)"]
    assert all(row.ready for row in rows)
    assert all(row.memory > 1 for row in rows)


async def test_a_folder_that_is_taken_takes_no_second_stack(stack: Stack) -> None:
    second = Stack(stack.config)

    with pytest.raises(AlreadyRunning):
        await second.start()
    await second.stop()

    assert stack.pids("scheduler")


async def test_what_is_killed_stays_dead_until_it_is_started(stack: Stack) -> None:
    (before,) = stack.pids("watchdog")

    await stack.kill_service("watchdog")
    assert stack.pids("watchdog") == []
    await stack.start_service("watchdog")

    assert stack.pids("watchdog") != [before]
    assert json.loads(stack.home.stack.read_text())["services"]["watchdog"]["pids"] == stack.pids("watchdog")


async def test_one_more_process_of_a_service_can_be_started_and_stopped(stack: Stack) -> None:
    await stack.start_service("transform-worker", 1)
    assert len(stack.pids("transform-worker")) == 2
    assert stack.log("transform-worker", 1).exists()

    await stack.stop_service("transform-worker", 1)
    assert len(stack.pids("transform-worker")) == 1


async def test_a_frozen_service_goes_on_when_it_is_told_to(stack: Stack) -> None:
    await stack.kill_service("scheduler", number=signal.SIGSTOP)
    instance = next(each for each in stack.instances if each.service.name == "scheduler")
    assert not await instance.look()

    await stack.kill_service("scheduler", number=signal.SIGCONT)
    assert await instance.look()


@pytest.mark.parametrize("immediate", [False, True])
async def test_postgres_comes_back_with_all_that_was_committed(stack: Stack, immediate: bool) -> None:
    connection = await asyncpg.connect(stack.database)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (immediate bool)")
    await connection.execute("INSERT INTO kept VALUES ($1)", immediate)

    await stack.restart_postgres(immediate)
    await connection.close()

    again = await asyncpg.connect(stack.database)
    assert await again.fetchval("SELECT count(*) FROM kept WHERE immediate = $1", immediate) == 1
    await again.close()


async def topics_of(stack: Stack) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def test_a_broker_that_comes_back_empty_has_its_topics_again(stack: Stack) -> None:
    await stack.kill_broker()
    await stack.restart_broker(empty=True)

    assert set(all_topics()) <= await topics_of(stack)


async def test_a_plain_client_sends_and_receives_through_the_broker(stack: Stack) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka)
    consumer = AIOKafkaConsumer("action.completed", bootstrap_servers=stack.kafka, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    try:
        await producer.send_and_wait("action.completed", b"it")
        assert (await consumer.getone()).value == b"it"
    finally:
        await producer.stop()
        await consumer.stop()


async def test_a_supervised_stack_starts_again_what_dies(stack: Stack) -> None:
    said: list[str] = []
    supervisor = Supervisor(stack, said.append)
    assert await supervisor.run_once()
    (before,) = stack.pids("agent-worker")

    await stack.kill_service("agent-worker")
    await becomes_well(supervisor)

    assert stack.pids("agent-worker") != [before]
    assert said[0] == "agent-worker was ended by SIGKILL; starting it again"
    assert said[-1].startswith("agent-worker is ready again")


async def test_a_supervised_stack_starts_its_servers_again(stack: Stack) -> None:
    said: list[str] = []
    assert stack.postgres.process is not None
    stack.postgres.process.send(signal.SIGKILL)
    await stack.kill_broker()
    await stack.postgres.process.ended(10)

    await becomes_well(Supervisor(stack, said.append))

    assert {"postgres is ready again", "kafka is ready again"} <= set(said)
    assert set(all_topics()) <= await topics_of(stack)


async def test_what_was_stopped_on_purpose_is_not_started_again(stack: Stack) -> None:
    await stack.stop_service("run-dispatcher")

    assert await Supervisor(stack, print).run_once()
    assert stack.pids("run-dispatcher") == []
    await stack.start_service("run-dispatcher")


async def becomes_well(supervisor: Supervisor) -> None:
    for _ in range(400):
        if await supervisor.run_once():
            return
        await becomes(lambda: False, 0.02)
    raise AssertionError("not well again within 8 s")


async def test_a_service_that_does_not_come_up_fails_the_start_and_leaves_nothing_running(
    home: Home, stand_ins: str
) -> None:
    environment = {"PYTHONPATH": stand_ins, "STAND_IN_FAILS": "vai_scheduler"}
    stack = Stack(Config(home, port_base=random_base(), environment=environment))

    with pytest.raises(StackError, match="scheduler ended with code 3 before it was ready") as raised:
        await stack.start()
    processes = [instance.process for instance in stack.instances]
    await stack.stop()

    assert raised.value.log == home.log("scheduler")
    assert not any(process is not None and process.alive for process in processes)
    assert not home.stack.exists()


async def test_a_broker_that_does_not_answer_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vai_devstack.servers.broker.GIVEN_SECONDS", 0.1)
    stack = Stack(Config(home, kafka="127.0.0.1:1", port_base=random_base(), only=()))

    with pytest.raises(StackError, match=r"no broker answers at 127\.0\.0\.1:1"):
        await stack.start()
    await stack.stop()


async def test_the_folder_of_files_is_the_one_that_is_set(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAI_FILES_ROOT", raising=False)
    stack = Stack(Config(home, port_base=random_base()))
    assert stack.files_root == str(home.files / "{org}")
    monkeypatch.setenv("VAI_FILES_ROOT", "/srv/in")
    assert stack.files_root == "/srv/in"
