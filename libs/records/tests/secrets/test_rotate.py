"""Keys change while everything runs."""

import base64
import os
import sys
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.secrets import rotate
from vai_records.secrets.keys import Keyring
from vai_testkit.database import Database

OLD, NEW, GONE = (f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("k0", "k1", "gone"))
ROTATED = Keyring(f"{NEW},{OLD}")
ONLY_NEW = Keyring(NEW)
PLAIN = {
    ("api_keys", "key_hash"),
    ("memberships", "invitation_hash"),
    ("runs", "fingerprint"),
    ("chat_messages", "fingerprint"),
    ("dataset_columns", "digest"),
    ("dataset_writes", "columns_digest"),
    ("sign_in_attempts", "subject"),
    ("flashboard_tiles", "data"),
    ("flashboard_tiles", "drawings"),
}
"""Hashes, and what flashboards show: bytes that no key opens."""


async def put_connection(database: Database, org_id: UUID, ring: Keyring, value: Any) -> UUID:
    owner, connection_id = await database.owner(), uuid7()
    await owner.execute(
        "INSERT INTO connections (id, org_id, name, slug, provider, credentials) VALUES ($1, $2, 'a', $3, 'rest', $4)",
        connection_id,
        org_id,
        str(connection_id),
        ring.encrypt_json(value, org_id, connection_id),
    )
    return connection_id


async def put_action(database: Database, org_id: UUID, ring: Keyring, value: Any) -> UUID:
    owner, action_id = await database.owner(), uuid7()
    await owner.execute(
        "INSERT INTO actions (id, org_id, name, slug, kind, secrets) VALUES ($1, $2, 'a', $3, 'http_request', $4)",
        action_id,
        org_id,
        str(action_id),
        ring.encrypt_json(value, org_id, action_id),
    )
    return action_id


async def put_run(database: Database, org_id: UUID, ring: Keyring, status: str, phase: str, value: Any) -> UUID:
    run_id = uuid7()
    secrets = ring.encrypt_json(value, org_id, run_id)
    return await database.put(status, phase, id=run_id, org_id=org_id, secrets=secrets)


async def put_automation(
    database: Database, org_id: UUID, ring: Keyring, secret: Any, values: Any
) -> list[tuple[str, UUID]]:
    owner, automation_id, version_id = await database.owner(), uuid7(), uuid7()
    await owner.execute(
        "INSERT INTO automations (id, org_id, name, slug, version_id, trigger, webhook_path, webhook_secret)"
        " VALUES ($1, $2, 'a', 'a', $3, '{}', 'a', $4)",
        automation_id,
        org_id,
        version_id,
        ring.encrypt_json(secret, org_id, automation_id),
    )
    await owner.execute(
        "INSERT INTO automation_versions (id, automation_id, org_id, definition, secrets)"
        " VALUES ($1, $2, $3, '{}', $4)",
        version_id,
        automation_id,
        org_id,
        ring.encrypt_json(values, org_id, version_id),
    )
    return [("automations", automation_id), ("automation_versions", version_id)]


async def put_beside(database: Database, org_id: UUID, ring: Keyring) -> list[tuple[str, UUID]]:
    """A row of each table that the others do not fill: a token, an alert rule, a secret, secret inputs."""
    owner = await database.owner()
    token, rule, secret, run = (await put_connection(database, org_id, ring, {}), uuid7(), uuid7(), uuid7())
    await owner.execute(
        "INSERT INTO organisations (id, slug, name) VALUES ($1, 'a', 'a') ON CONFLICT DO NOTHING", org_id
    )
    await owner.execute(
        "INSERT INTO access_tokens (id, org_id, token) VALUES ($1, $2, $3)",
        token,
        org_id,
        ring.encrypt_json({"of": "access_tokens"}, org_id, token),
    )
    await owner.execute(
        "INSERT INTO alert_rules (id, org_id, name, tells, channel, secrets, gather_seconds, pause_seconds)"
        " VALUES ($1, $2, 'a', '{}', '{}', $3, 1, 1)",
        rule,
        org_id,
        ring.encrypt_json({"of": "alert_rules"}, org_id, rule),
    )
    await owner.execute(
        "INSERT INTO secrets (id, org_id, name, sealed) VALUES ($1, $2, 'a', $3)",
        secret,
        org_id,
        ring.encrypt_json({"of": "secrets"}, org_id, secret),
    )
    await put_automation_run(owner, org_id, run, ring.encrypt_json({"of": "automation_runs"}, org_id, run))
    return [("access_tokens", token), ("alert_rules", rule), ("secrets", secret), ("automation_runs", run)]


async def put_automation_run(owner: Any, org_id: UUID, run_id: UUID, sealed: bytes) -> None:
    """One that has ended: who may do that is not asked of the owner."""
    await owner.execute("SELECT set_config('vai.role', 'scheduler', false)")
    await owner.execute(
        "INSERT INTO automation_runs (id, org_id, automation_id, version_id, triggered_by, sealed, status,"
        " completed_at) VALUES ($1, $2, $1, $1, 'manual', $3, 'failed', clock_timestamp())",
        run_id,
        org_id,
        sealed,
    )


async def opened(database: Database, ring: Keyring, table: str, row_id: UUID) -> Any:
    row = await (await database.owner()).fetchrow(f"SELECT * FROM {table} WHERE id = $1", row_id)
    return ring.decrypt_json(row[rotate.PLACES[table]], row["org_id"], row_id)


async def test_everything_opens_with_the_new_key_alone(own_database: Database) -> None:
    org_id, old = uuid7(), Keyring(OLD)
    made = [("connections", await put_connection(own_database, org_id, old, {"n": n})) for n in range(7)]
    made += [("actions", await put_action(own_database, org_id, old, {"n": 7}))]
    made += [("runs", await put_run(own_database, org_id, old, "running", "leased", {"n": 8}))]
    made += [("runs", await put_run(own_database, org_id, old, "failed", "done", {"n": 9}))]
    made += await put_automation(own_database, org_id, old, {"n": 10}, {"n": 11})
    await own_database.put("pending", "queued")

    done = await rotate.rotate(await own_database.pool("rotate-keys"), ROTATED, batch=3)

    replaced = {table: rotated.replaced for table, rotated in done.items() if rotated.replaced}
    assert replaced == {"connections": 7, "actions": 1, "runs": 2, "automations": 1, "automation_versions": 1}
    for n, (table, row_id) in enumerate(made):
        assert await opened(own_database, ONLY_NEW, table, row_id) == {"n": n}


async def test_a_row_of_every_table_is_encrypted_again(own_database: Database) -> None:
    org_id, old = uuid7(), Keyring(OLD)
    made = await put_beside(own_database, org_id, old)
    await put_action(own_database, org_id, old, {})
    await put_run(own_database, org_id, old, "failed", "done", {})
    await put_automation(own_database, org_id, old, {}, {})

    done = await rotate.rotate(await own_database.pool("rotate-keys"), ROTATED)

    assert {table for table, rotated in done.items() if rotated.replaced} == set(rotate.PLACES)
    for table, row_id in made:
        assert await opened(own_database, ONLY_NEW, table, row_id) == {"of": table}


async def test_whatever_is_kept_as_bytes_is_rotated_or_no_secret(own_database: Database) -> None:
    columns = await (await own_database.owner()).fetch(
        "SELECT c.relname AS table, a.attname AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.atttypid = 'bytea'::regtype AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped"
    )
    found = {(row["table"], row["column"]) for row in columns}
    assert found - PLAIN == set(rotate.PLACES.items())
    assert found >= PLAIN


async def test_a_second_time_there_is_nothing_to_do(own_database: Database) -> None:
    await put_connection(own_database, uuid7(), Keyring(OLD), {})
    pool = await own_database.pool("rotate-keys")
    await rotate.rotate(pool, ROTATED)
    done = await rotate.rotate(pool, ROTATED)
    assert [rotated.replaced for rotated in done.values()] == [0] * len(rotate.PLACES)


async def test_what_somebody_saves_meanwhile_stays(own_database: Database) -> None:
    org_id, old = uuid7(), Keyring(OLD)
    connection_id = await put_connection(own_database, org_id, old, {"token": "read"})
    pool = await own_database.pool("rotate-keys")

    class Overtaken:
        """Between the reading and the replacing somebody saves other credentials, with the old key."""

        saved = False

        async def fetch(self, statement: str, *values: Any) -> Any:
            if statement.lstrip().startswith("WITH picked") and not self.saved:
                self.saved = True
                saved = old.encrypt_json({"token": "saved"}, org_id, connection_id)
                await pool.execute("UPDATE connections SET credentials = $2 WHERE id = $1", connection_id, saved)
            return await pool.fetch(statement, *values)

    done = await rotate.rotate(Overtaken(), ROTATED)
    assert (done["connections"].overtaken, done["connections"].replaced) == (1, 1)
    assert await opened(own_database, ONLY_NEW, "connections", connection_id) == {"token": "saved"}


async def test_what_does_not_open_is_left_and_told_once(own_database: Database) -> None:
    org_id = uuid7()
    closed = await put_connection(own_database, org_id, Keyring(GONE), {"token": "x"})
    good = await put_connection(own_database, org_id, Keyring(OLD), {"token": "y"})

    done = await rotate.rotate(await own_database.pool("rotate-keys"), ROTATED)
    (why,) = done["connections"].closed
    assert "'gone' is missing in VAI_ENCRYPTION_KEYS" in why
    assert done["connections"].closed[why] == 1
    assert await opened(own_database, Keyring(GONE), "connections", closed) == {"token": "x"}
    assert await opened(own_database, ONLY_NEW, "connections", good) == {"token": "y"}


def test_without_settings_it_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("VAI_DATABASE_URL", "VAI_DATABASE_DIRECT_URL", "VAI_ENCRYPTION_KEYS"):
        monkeypatch.delenv(name, raising=False)
    assert rotate.main() == 2
    assert "VAI_ENCRYPTION_KEYS" in capsys.readouterr().err


async def test_the_command_says_what_it_did(own_database: Database) -> None:
    import asyncio

    await put_connection(own_database, uuid7(), Keyring(OLD), {"token": "hunter2"})

    async def run(keys: str) -> tuple[int | None, str]:
        environment = {**os.environ, "VAI_DATABASE_URL": own_database.url, "VAI_ENCRYPTION_KEYS": keys}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vai_records.secrets.rotate", env=environment, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    code, text = await run(NEW)
    assert code == 1
    assert "connections: 1 left as they are. The key 'k0'" in text
    code, text = await run(f"{NEW},{OLD}")
    assert code == 0
    assert "connections: 1 encrypted again with 'k1'" in text
    assert "the older keys can go" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("url", "words"), [("postgresql://vai@127.0.0.1:1/vai", "Connect call failed"), ("{server}", "does not exist")]
)
def test_a_database_that_cannot_be_rotated_is_told_in_one_line(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, words: str
) -> None:
    monkeypatch.setenv("VAI_DATABASE_URL", url.replace("{server}", postgres_server))
    monkeypatch.setenv("VAI_ENCRYPTION_KEYS", NEW)
    assert rotate.main() == 1
    told = capsys.readouterr().err
    assert (words in told, told.count("\n")) == (True, 1), told
