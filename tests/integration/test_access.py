"""Keys with scopes, service accounts and the audit log, as `vai` and the clients use them on the real platform."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.test_command_line import SameShell
from vai import AsyncClient, Client, Forbidden, Unauthorized
from vai_devstack.stack import Stack

pytestmark = pytest.mark.any_broker

NOOP = {"source": "noop"}


async def test_a_service_account_has_its_keys_until_it_is_disabled_or_deleted(stack: Stack, tmp_path: Path) -> None:
    shell, name = SameShell(stack, tmp_path), f"robot {uuid4().hex[:8]}"
    made = await shell.json("service-accounts", "create", name, "--role", "operator")
    assert name in await shell.vai("service-accounts", "list", name)
    key = await shell.json("keys", "create", "cron", "--for", name, "--role", "operator", "--scope", "runs:write")
    assert (key["userId"], key["scopes"]) == (made["id"], ["runs:write"])
    assert "runs:write" in await shell.vai("keys", "show", key["id"])
    assert [one["id"] for one in await shell.json("keys", "list", "--for", name)] == [key["id"]]

    def use() -> str:
        with Client(stack.api_url, key["key"]) as client:
            assert client.session.me().is_service_account
            with pytest.raises(Forbidden, match="needs the scope datasets:read; this API key has runs:write"):
                client.datasets.list()
            return client.runs.create("dlt_extract", NOOP).id

    run = await asyncio.to_thread(use)
    assert (await shell.json("runs", "show", run))["triggerSourceId"] == key["id"]
    with Client(stack.api_url, stack.api_key) as client:
        found = await asyncio.to_thread(client.runs.list, created_by=made["id"])
    assert ([one.id for one in found.items], found.users[made["id"]].first_name) == ([run], name)
    await shell.vai("service-accounts", "disable", name)
    with pytest.raises(Unauthorized):
        await asyncio.to_thread(use)
    await shell.vai("service-accounts", "enable", name)
    await asyncio.to_thread(use)
    await shell.vai("service-accounts", "update", name, "--role", "viewer")
    await shell.vai("service-accounts", "delete", name)
    await shell.vai("service-accounts", "show", name, code=2)
    with pytest.raises(Unauthorized):
        await asyncio.to_thread(use)
    told = await shell.vai("audit", "--on", "service_account", "--target", made["id"])
    for action in ("create", "update", "delete"):
        assert f"{action}.service_account" in told


async def test_the_audit_log_is_found_by_what_people_type(stack: Stack, tmp_path: Path) -> None:
    shell, name = SameShell(stack, tmp_path), f"audit_{uuid4().hex[:8]}"
    await shell.vai("vars", "set", name, "7")
    await shell.vai("vars", "delete", name)
    found = await shell.json("audit", "--target", name, "--since", "1h")
    assert [(one["action"], one["outcome"]) for one in found] == [("delete.variable", "done"), ("put.variable", "done")]
    assert [one["action"] for one in await shell.json("audit", "--target", name, "--action", "put.variable")] == [
        "put.variable"
    ]
    assert await shell.json("audit", "--target", name, "--outcome", "refused") == []
    assert "put.variable" in await shell.vai("audit", "--limit", "50")
    whoami = await shell.json("whoami")
    mine = await shell.json("audit", "--user", whoami["user"]["id"], "--request", found[0]["requestId"])
    assert [one["id"] for one in mine] == [found[0]["id"]]
    async with AsyncClient(stack.api_url, stack.api_key) as client:
        pages = [entry.id async for entry in client.audit.iterate(target_id=name, limit=1)]
    assert pages == [one["id"] for one in found]


async def test_scopes_are_listed_and_what_is_none_is_refused_in_words(stack: Stack, tmp_path: Path) -> None:
    shell = SameShell(stack, tmp_path)
    assert "runs:approve" in await shell.vai("keys", "scopes")
    await shell.vai("keys", "create", "k", "--scope", "runs:delete", code=2)
