"""file_sync over SFTP as a user does it: a connection whose server is compared by its fingerprint, then a run."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.sftp.odd_server import PASSWORD, USER
from tests.sftp.servers import Key, Server, asyncssh_server
from vai_devstack.stack import Stack
from vai_testkit.fixtures import api  # noqa: F401
from vai_testkit.stack import create_run, run_when, running_stack

CONNECTIONS = "/api/v1/connections"
CREDENTIALS = {"username": USER, "password": PASSWORD}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    environment = {"VAI_ALLOW_PRIVATE_ADDRESSES": "loopback"}
    async with running_stack(tmp_path_factory.mktemp("stack"), environment=environment) as running:
        yield running


async def _made(api: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:  # noqa: F811
    answer = await api.post(CONNECTIONS, json={"provider": "sftp", "name": "Files", **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _tested(api: httpx2.AsyncClient, connection: dict[str, Any]) -> dict[str, Any]:  # noqa: F811
    found: dict[str, Any] = (await api.post(f"{CONNECTIONS}/{connection['id']}/test")).json()
    return found


async def test_a_person_compares_the_key_and_then_files_come_and_go(
    api: httpx2.AsyncClient,  # noqa: F811
    tmp_path: Path,
) -> None:
    with asyncssh_server(tmp_path) as server:
        server.put("in/a.txt", b"one")
        server.put("in/b/c.txt", b"two")
        made = await _made(api, config={"host": "127.0.0.1", "port": server.port})
        refused = await _tested(api, made)
        assert (refused["ok"], refused["error"]["code"]) == (False, "CONNECTION_ERROR"), refused
        config = made["config"] | {"host_keys": [refused["error"]["details"]["fingerprint"]]}
        url = f"{CONNECTIONS}/{made['id']}"
        answer = await api.patch(url, json={"config": config})
        assert answer.status_code == 200, answer.text
        shown = await _tested(api, made)
        assert (shown["ok"], shown["checked"]) == (True, ["address"]), shown
        assert (await api.patch(url, json={"credentials": CREDENTIALS})).status_code == 200
        good = await _tested(api, made)
        assert (good["ok"], good["checked"]) == (True, ["address", "credentials"]), good
        assert PASSWORD not in (await api.get(url)).text

        pull = {"path": f"{server.url}/in", "folder": "sftp/in"}
        run = await create_run(api, "file_sync", pull, connectionRef=made["slug"])
        done = await run_when(api, run["id"], timeout=60)
        assert done["status"] == "completed", done
        assert sorted(done["result"]["added"]) == ["a.txt", "b/c.txt"]
        push = {"path": f"{server.url}/out", "folder": "sftp/in", "direction": "push"}
        run = await create_run(api, "file_sync", push, connectionRef=made["slug"])
        done = await run_when(api, run["id"], timeout=60)
        assert done["status"] == "completed", done
        assert server.tree()["out/b/c.txt"] == b"two"

        assert (await api.patch(url, json={"credentials": {**CREDENTIALS, "password": "other"}})).status_code == 200
        wrong = await _tested(api, made)
        assert wrong["error"]["code"] == "AUTH_ERROR"
        run = await create_run(api, "file_sync", pull, connectionRef=made["slug"])
        done = await run_when(api, run["id"], timeout=60)
        assert (done["status"], done["error"]["code"]) == ("failed", "AUTH_ERROR")


async def test_another_key_needs_the_credentials_again(api: httpx2.AsyncClient, server: Server) -> None:  # noqa: F811
    """What was given for one server must not go to another, by somebody who cannot read it."""
    made = await _made(api, config=server.config, credentials=server.credentials)
    good = await _tested(api, made)
    assert (good["ok"], good["checked"]) == (True, ["address", "credentials"]), good
    config = server.config | {"host_keys": [Key.fresh().public]}
    answer = await api.patch(f"{CONNECTIONS}/{made['id']}", json={"config": config})
    assert answer.status_code == 422
    assert "give the credentials again" in answer.text


@pytest.mark.parametrize(
    ("config", "credentials", "field"),
    [
        ({}, {}, "host"),
        ({"host": "sftp://h"}, {}, "host"),
        ({"host": "h", "port": "22"}, {}, "port"),
        ({"host": "h", "port": 0}, {}, "port"),
        ({"host": "h", "host_keys": ["ssh-rsa"]}, {}, "host_keys"),
        ({"host": "h", "base_url": "https://h"}, {}, "base_url"),
        ({"host": "h"}, {"token": "t"}, "token"),
        ({"host": "h"}, {"password": "p"}, "username"),
        ({"host": "h"}, {"username": "u"}, "password"),
        ({"host": "h"}, {"username": "u", "private_key": "ssh-ed25519 AAAA"}, "private_key"),
        ({"host": "h"}, {"username": "u", "password": "p", "passphrase": "x"}, "passphrase"),
    ],
)
async def test_a_connection_that_nobody_could_use_is_refused(
    api: httpx2.AsyncClient,  # noqa: F811
    config: dict[str, Any],
    credentials: dict[str, Any],
    field: str,
) -> None:
    fields = {"provider": "sftp", "name": "Files", "config": config, "credentials": credentials}
    answer = await api.post(CONNECTIONS, json=fields)
    assert answer.status_code == 422, answer.text
    assert field in str(answer.json()["detail"][0]["loc"]), answer.text
