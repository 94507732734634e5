"""Every secret that can be changed here is changed under load, as docs/operations/secrets.md says, and no run is lost.

The last one of its session: the stack's database has another password afterwards.
"""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tests.daytwo.rolling import assert_all_completed, roll
from tests.integration.load import under_load
from tests.integration.runs import RUNS
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_testkit.signing import standard
from vai_testkit.stack import client_of, create_run
from vai_testkit.wait import breathe, wait_for

_SECRET = "Bearer hush-a4f1c09b77"
_HOOK_1, _HOOK_2 = (f"whsec_{base64.b64encode(os.urandom(24)).decode()}" for _ in range(2))
_STEPS = [{"key": "only", "action": {"kind": "dlt_extract", "definition": {"source": "noop"}}}]
_ENVELOPES = "SELECT count(*) FROM {} WHERE {} IS NOT NULL AND substr({}, 3, 2) = 'k1'"


def _only_with_the_secret(seen: Seen) -> Reply:
    return Reply(status=200 if seen.headers.get("authorization") == _SECRET else 401, body=b"{}")


class Sealed:
    """Runs whose header is stored encrypted: their own, and those of a saved action."""

    def __init__(self, stack: Stack, web: WebServer) -> None:
        self._stack, self._web = stack, web
        self.ids: list[str] = []
        self.action = ""

    def _definition(self) -> dict[str, Any]:
        return {"method": "GET", "url": f"{self._web.url}/sealed", "headers": {"Authorization": _SECRET}}

    async def save(self, api: httpx2.AsyncClient) -> None:
        body = {"kind": "http_request", "name": "sealed", "definition": self._definition()}
        made = await api.post("/api/v1/actions", json=body)
        assert made.status_code == 201, made.text
        self.action = made.json()["id"]

    async def keep_running(self, stopping: asyncio.Event) -> None:
        async with client_of(self._stack) as api:
            while not stopping.is_set():
                if (run := await self._tried(api, len(self.ids) % 2 == 0)) is not None:
                    self.ids.append(run["id"])
                await breathe()

    async def _tried(self, api: httpx2.AsyncClient, saved: bool) -> dict[str, Any] | None:
        path = f"/api/v1/actions/{self.action}/run" if saved else RUNS
        body = None if saved else {"kind": "http_request", "definition": self._definition()}
        try:
            answer = await api.post(path, json=body, headers={"Prefer": "respond-async"})
        except httpx2.TransportError:
            return None
        assert answer.status_code in (200, 201, 503), answer.text
        return None if answer.status_code == 503 else dict(answer.json())


@asynccontextmanager
async def _sealed_load(sealed: Sealed) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    running = asyncio.create_task(sealed.keep_running(stopping))
    try:
        yield
    finally:
        stopping.set()
        await running


async def _rotate(database: str, keys: str) -> str:
    """What `make rotate-keys` says."""
    environment = {**os.environ, "VAI_DATABASE_URL": database, "VAI_ENCRYPTION_KEYS": keys}
    line = (sys.executable, "-m", "vai_records.secrets.rotate")
    process = await asyncio.create_subprocess_exec(*line, env=environment, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    assert process.returncode == 0, told
    return told.decode()


async def _hooked(api: httpx2.AsyncClient, stack: Stack, *secrets: str, message: str) -> int:
    """The status of a delivery that is signed with each of the secrets."""
    body = json.dumps({"n": message}).encode()
    signed = [standard(secret, body, message_id=message) for secret in secrets]
    headers = signed[0] | {"webhook-signature": " ".join(one["webhook-signature"] for one in signed)}
    answer = await api.post(f"/webhooks/{stack.org_id}/rotated", content=body, headers=headers)
    return answer.status_code


async def _is_let_in(stack: Stack, path: str, authorization: str) -> bool:
    async with httpx2.AsyncClient(base_url=stack.api_url, timeout=30) as nobody:
        answer = await nobody.get(path, headers={"Authorization": authorization})
        return answer.status_code not in (401, 403)


@pytest.mark.timeout(500)
async def test_every_secret_is_changed_under_load_and_no_run_is_lost(
    stack: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    web.replies["/sealed"] = _only_with_the_secret
    sealed = Sealed(stack, web)
    await sealed.save(api)
    token = f"Bearer {(await api.post('/api/v1/session')).json()['token']}"
    assert await _is_let_in(stack, "/api/v1/me", token)
    old, new = stack.secrets.encryption_keys, f"k2:{base64.b64encode(os.urandom(32)).decode()}"
    url, admin = _with_password(stack.database, "anotherpassword"), "a" * 40
    async with under_load(api) as load, _sealed_load(sealed):
        await wait_for(lambda: len(load.made) > 30 and len(sealed.ids) > 5, 90, what="there is load")
        await _change_password(stack, database)
        await roll(stack, {"VAI_ENCRYPTION_KEYS": f"{old},{new}"} | _database(url))
        settings = {"VAI_ENCRYPTION_KEYS": f"{new},{old}", "VAI_TOKEN_SECRET": "t" * 48, "VAI_ADMIN_TOKEN": admin}
        await roll(stack, settings)
        assert "the older keys can go" in await _rotate(url, f"{new},{old}")
        await roll(stack, {"VAI_ENCRYPTION_KEYS": new})
        there = len(sealed.ids)
        await wait_for(lambda: len(sealed.ids) > there + 5, 60, what="what is sealed is opened with the new key alone")
    for table, column in (("runs", "secrets"), ("actions", "secrets")):
        assert await database.fetchval(_ENVELOPES.format(table, column, column)) == 0
    await assert_all_completed(database, [*load.ids, *sealed.ids])
    assert not await _is_let_in(stack, "/api/v1/me", token)
    assert not await _is_let_in(stack, "/admin/organisations", f"Bearer {stack.secrets.admin_token}")
    assert await _is_let_in(stack, "/admin/organisations", f"Bearer {admin}")


def _with_password(url: str, password: str) -> str:
    head, _, rest = url.rpartition("@")
    return f"{head.rpartition(':')[0]}:{password}@{rest}"


def _database(url: str) -> dict[str, str]:
    return {"VAI_DATABASE_URL": url, "VAI_DATABASE_DIRECT_URL": url}


async def _change_password(stack: Stack, database: Any) -> None:
    """And one worker loses its sessions before its restart: it must live, and work on after it."""
    admin: Any = await asyncpg.connect(stack.postgres.admin_url)
    try:
        await admin.execute("ALTER ROLE vai_services PASSWORD 'anotherpassword'")
        worker = next(each for each in stack.instances if each.service.name == "extract-worker")
        assert worker.process is not None
        pid = worker.process.pid
        session = await database.fetchval("SELECT session FROM processes WHERE pid = $1", pid)
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1"
        assert await admin.fetchval(ended, session) > 0
        log = worker.log
        await wait_for(lambda: "InvalidPasswordError" in log.read_text(), 60, what="it could not sign in")
        assert worker.alive, "a process that cannot sign in for a while lives on"
    finally:
        await admin.close()


async def test_an_api_key_and_the_secret_of_a_webhook_are_changed_without_a_gap(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    trigger = {"type": "webhook", "path": "/rotated", "secret": _HOOK_1}
    made = await api.post("/api/v1/automations", json={"name": "rotated", "trigger": trigger, "steps": _STEPS})
    assert made.status_code == 201, made.text
    assert await _hooked(api, stack, _HOOK_1, message="msg_1") < 300
    assert await _hooked(api, stack, _HOOK_1, _HOOK_2, message="msg_2") < 300
    changed = await api.patch(
        f"/api/v1/automations/{made.json()['id']}", json={"trigger": trigger | {"secret": _HOOK_2}}
    )
    assert changed.status_code == 200, changed.text
    assert await _hooked(api, stack, _HOOK_1, _HOOK_2, message="msg_3") < 300

    async def only_the_new_one_counts() -> bool:
        """Within a second, docs/webhooks.md says."""
        new, old = [await _hooked(api, stack, secret, message=uuid4().hex) for secret in (_HOOK_2, _HOOK_1)]
        return (new, old) == (202, 401)

    await wait_for(only_the_new_one_counts, 20, what="the new secret counts, and the old one does not")
    assert await _hooked(api, stack, _HOOK_1, _HOOK_2, message="msg_4") < 300

    first, second = [
        (await api.post("/api/v1/api-keys", json={"name": f"key {n}", "role": "operator"})).json() for n in (1, 2)
    ]
    async with client_of(stack, second["key"]) as with_second, client_of(stack, first["key"]) as with_first:
        assert (await with_first.get("/api/v1/me")).status_code == 200
        await create_run(with_second, "dlt_extract", {"source": "noop"})
        assert (await api.delete(f"/api/v1/api-keys/{first['id']}")).status_code == 204
        assert (await with_first.get("/api/v1/me")).status_code == 401
        assert (await with_second.get("/api/v1/me")).status_code == 200
