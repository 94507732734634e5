"""`vai` and the Python client against the real platform: the verbs of every noun, people, the installation."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from vai import AsyncClient, Client
from vai.cli import app
from vai_devstack.stack import Stack
from vai_testkit.servers.web import WebServer

pytestmark = pytest.mark.any_broker

_ENDED = 30.0


class Shell:
    """`vai` in a folder that has nothing but the stack's own file."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VAI_")}
        self._environment = kept | {"VAI_HOME": str(stack.home.root), "XDG_CONFIG_HOME": str(folder)}
        self._folder = folder

    async def vai(self, *words: str, code: int = 0, told: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vai", *words),
            env=self._environment,
            cwd=self._folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(told.encode())
        assert process.returncode == code, (words, out.decode(), err.decode())
        return out.decode()

    async def json(self, *words: str, told: str = "") -> Any:
        return json.loads(await self.vai(*words, "-o", "json", told=told))


class SameShell(Shell):
    """`vai` in this process: to start one takes longer than most of what it does."""

    async def vai(self, *words: str, code: int = 0, told: str = "") -> str:
        away: dict[str, str | None] = {name: None for name in os.environ if name.startswith("VAI_")}
        result = await asyncio.to_thread(CliRunner().invoke, app, words, input=told, env=away | self._environment)
        assert result.exit_code == code, (words, result.output)
        return result.stdout


async def test_every_noun_can_be_made_shown_changed_and_removed(stack: Stack, tmp_path: Path) -> None:
    shell, name = SameShell(stack, tmp_path), f"cli-{uuid4().hex[:8]}"
    me = await Shell(stack, tmp_path).json("whoami")
    assert (me["role"], me["apiUrl"]) == ("admin", stack.api_url)

    run = await shell.json("run", "dlt_extract", "--set", "source=noop", "--wait", str(_ENDED))
    assert run["status"] == "completed"
    assert run["id"] in await shell.vai("show", run["id"][:18])
    await shell.vai("runs", "delete", run["id"])

    action = await shell.json("actions", "create", "dlt_extract", name, "--set", "source=noop")
    assert (await shell.json("actions", "show", action["slug"]))["id"] == action["id"]
    assert (await shell.json("actions", "update", name, "--name", "New"))["name"] == "New"
    await shell.vai("actions", "delete", name)

    connection = await shell.json("connections", "create", "shop", name, "--credentials", "-", told='{"token": "t"}')
    assert (await shell.json("connections", "update", name, "--max-running", "2"))["maxRunning"] == 2
    assert (await shell.json("connections", "show", connection["id"]))["hasCredentials"] is True
    await shell.vai("connections", "delete", name)

    key = await shell.json("keys", "create", name, "--role", "viewer")
    assert (await shell.json("keys", "show", name))["status"] == "active"
    await shell.vai("keys", "revoke", key["id"])
    assert (await shell.json("kinds"))[0]["name"]
    assert (await shell.json("organisation"))["id"] == stack.org_id


async def test_an_installation_makes_an_organisation_whose_administrator_takes_it(stack: Stack, tmp_path: Path) -> None:
    shell, slug = Shell(stack, tmp_path), f"cli-{uuid4().hex[:8]}"
    made = await shell.json("admin", "organisations", "create", slug, "Mine", "--administrator", f"{slug}@example.com")
    token = made["administrator"]["invitationToken"]
    session = await shell.json("users", "accept", told=f"{token}\na password of mine\n")
    assert slug in await shell.vai("--url", stack.api_url, "--key", "-", "whoami", told=session["token"])
    assert (await shell.json("admin", "organisations", "show", slug))["id"] == made["id"]
    with Client(stack.api_url, session["token"]) as mine:
        invited = mine.users.create(f"b-{slug}@example.com", "viewer")
        assert mine.users.get(invited.id).accepted_at is None
        assert [each.email for each in mine.users.iterate()] == [f"b-{slug}@example.com", f"{slug}@example.com"]
        mine.session.sign_out()


async def test_a_batch_a_key_and_the_stream_of_runs_work_on_the_platform(stack: Stack) -> None:
    key = uuid4().hex
    async with AsyncClient(stack.api_url, stack.api_key) as client:
        changes = client.runs.changes(kind="dlt_extract")
        made: list[str] = []
        async with asyncio.timeout(_ENDED):
            async for change in changes:
                if change.event == "ready":
                    bodies: list[dict[str, Any]] = [
                        {"kind": "dlt_extract", "definition": {"source": "noop"}},
                        {"kind": "nothing"},
                    ]
                    results = await client.runs.create_many(bodies, idempotency_key=key)
                    again = await client.runs.create_many(bodies, idempotency_key=key)
                    assert [each.status for each in results + again] == [201, 422, 200, 422]
                    assert results[1].refusal[0].field == "kind"
                    made += [each.run.id for each in results + again if each.run]
                elif change.run and change.run.id in made and change.run.ended:
                    break
        assert len(set(made)) == 1


async def test_a_signed_message_starts_an_automation_once(stack: Stack) -> None:
    path, secret = f"/hooks/cli-{uuid4().hex[:8]}", "whsec_aGVsbG8gd29ybGQgaGVsbG8="
    body = {
        "name": path[7:],
        "trigger": {"type": "webhook", "path": path, "secret": secret},
        "actions": [{"kind": "dlt_extract", "definition": {"source": "noop"}}],
    }
    async with AsyncClient(stack.api_url, stack.api_key) as client:
        automation = await client.automations.create(body)
        me = await client.session.me()
        sent = [
            await client.webhooks.send(me.organisation_id, path, secret, {"a": 1}, message_id=automation.id)
            for _ in range(2)
        ]
        assert [each["status"] for each in sent] == ["accepted", "repeated"]
        ended = await client.automation_runs.wait(sent[0]["automationRunId"], _ENDED)
        assert ended.succeeded
        await client.automations.delete(automation.id)


_FILES = """
type: agent
slug: {0}
instructions: Help.
tools: [{{automation: {0}}}]
---
type: automation
slug: {0}
trigger: {{type: schedule, schedule: "0 6 * * *", timezone: Europe/Berlin}}
steps:
  - key: extract
    action: {{action_id: {0}}}
  - key: tell
    depends_on: [extract]
    action:
      kind: http_request
      definition: {{method: POST, url: "https://example.com/", headers: {{Authorization: {{from_env: CLI_TOKEN}}}}}}
---
type: action
slug: {0}
kind: dlt_extract
connection: {0}
definition: {{source: sample, resources: [orders], rows: 10}}
---
type: connection
slug: {0}
provider: http
config: {{base_url: "https://example.com"}}
credentials: {{token: {{from_env: CLI_TOKEN}}}}
"""


async def test_what_files_say_is_made_once_changed_when_they_change_and_written_back(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell, name = SameShell(stack, tmp_path), f"files-{uuid4().hex[:8]}"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "all.yaml").write_text(_FILES.format(name))

    async def plan(where: Path, code: int = 0) -> dict[str, Any]:
        told = json.loads(await shell.vai("apply", "-f", str(where), "--plan", "--json", code=code))
        return {each["type"]: (each["operation"], each["changes"]) for each in told["steps"]}

    every = ("connection", "action", "automation", "agent")
    assert await plan(folder, 1) == {each: ("create", []) for each in every}
    await shell.vai("apply", "-f", str(folder), "--yes", code=2)  # the token is not set
    monkeypatch.setenv("CLI_TOKEN", "canary-of-files")
    await shell.vai("apply", "-f", str(folder), "--json", code=2)  # nobody can be asked
    assert await plan(folder, 1) == {each: ("create", []) for each in every}
    await shell.vai("apply", "-f", str(folder), "--yes")
    kept: dict[str, Any] = {each: ("keep", []) for each in every}
    assert await plan(folder) == kept

    written = tmp_path / "written"
    await shell.vai("export", str(written))
    files = [written / f"{each}s" / f"{name}.yaml" for each in every]
    assert "canary" not in "".join(each.read_text() for each in files)
    for each in files:
        [(operation, changes)] = (await plan(each)).values()
        assert (operation, changes) == ("keep", [])
    assert json.loads(await shell.vai("export", str(written), "--type", "agent", "--json"))[0]["changed"] is False

    (folder / "all.yaml").write_text(
        _FILES.format(name).replace("rows: 10", "rows: 11").replace(", timezone: Europe/Berlin", "")
    )
    assert await plan(folder, 1) == kept | {
        "action": ("update", ["definition.rows"]),
        "automation": ("update", ["trigger.timezone"]),
    }
    await shell.vai("apply", "-f", str(folder), "--yes")
    assert await plan(folder) == kept
    assert (await shell.json("automations", "show", name))["trigger"]["timezone"] == "UTC"
    [sent] = [each for each in (await shell.json("schema"))["oneOf"] if each["title"] == "action"]
    assert {"type", "slug", "kind", "connection", "definition"} <= sent["properties"].keys()
    (folder / "lost.yaml").write_text(f"type: action\nslug: {name}-lost\nkind: dlt_extract\nconnection: not-there\n")
    refused = json.loads(await shell.vai("apply", "-f", str(folder), "--yes", "--json", code=1))["steps"]
    assert [each["error"] for each in refused if "error" in each] == [
        "connection: none has the slug not-there; make one, or put it into the files"
    ]
    await shell.vai("agents", "delete", name)
    await shell.vai("automations", "delete", name)


async def test_variables_and_secrets_are_set_named_and_removed(stack: Stack, tmp_path: Path, web: WebServer) -> None:
    shell, name = SameShell(stack, tmp_path), f"cli_{uuid4().hex[:8]}"
    token = f"tok-{uuid4().hex}"
    assert (await shell.json("vars", "set", name, '{"rows": 7}', "--description", "how many"))["value"] == {"rows": 7}
    assert (await shell.json("vars", "set", f"{name}_text", "7", "--text"))["value"] == "7"
    assert name in await shell.vai("vars", "list", name)
    made = await shell.vai("secrets", "set", name, told=f"{token}\n")
    listed, shown = await shell.vai("secrets", "list", name), await shell.vai("secrets", "show", name)
    assert name in listed
    assert token not in made + listed + shown

    action = await shell.json(
        *("actions", "create", "http_request", f"{name}-a", "--set", f"url={web.url}/orders"),
        *("--set", f"headers.X-Token=Bearer $/secrets/{name}", "--set", f"query.rows=$/vars/{name}/rows"),
    )
    assert action["slug"] in await shell.vai("secrets", "show", name)
    await shell.vai("secrets", "delete", name, code=2)
    run = await shell.json("actions", "run", action["slug"], "--wait", str(_ENDED))
    assert (run["status"], run["definition"]["query"]) == ("completed", {"rows": 7})
    assert token not in json.dumps(run) + await shell.vai("logs", run["id"])
    (seen,) = web.seen
    assert (seen.target, seen.headers["x-token"]) == ("/orders?rows=7", f"Bearer {token}")

    for noun in ("secrets", "vars"):
        await shell.vai(noun, "delete", name, "--force")
        await shell.vai(noun, "show", name, code=2)
    gone = await shell.vai("actions", "run", action["slug"], code=2)
    assert token not in gone
