"""Every operation of the document, driven from its example: nothing is forgotten when one is added."""

import asyncio
import json
import os
import re
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from tests.spec.check_contract import CONTRACT, faults_in_exchange
from vai_api_gateway.audit.acts import LEFT_OUT
from vai_api_gateway.auth.needs import CLOSED, FREE
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.problems import ProblemBody
from vai_api_gateway.reference.examples import (
    A_COMPLETED_AGENT_RUN,
    A_GIVEN_UP_ALERT,
    A_THREAD_WITH_CALLS,
    AN_ARTIFACT,
    EXAMPLES,
)
from vai_common.ids import uuid7
from vai_records.agents import agents
from vai_records.agents.definition import AgentDefinition
from vai_records.alerts import rules
from vai_records.alerts.rules import NewRule
from vai_records.lake import manifest
from vai_records.people import api_keys
from vai_records.people.people import Role
from vai_records.people.scopes import SCOPES
from vai_records.threads import messages, threads
from vai_records.threads.messages import NewMessage
from vai_records.threads.threads import NewThread
from vai_testkit.agent_runs import agent_run
from vai_testkit.application import application
from vai_testkit.flashboards import flashboard
from vai_testkit.kept_files import kept_file
from vai_testkit.services import OtherServices
from vai_testkit.team import Team, make_team
from vai_worker.reading.desk import Desk
from vai_worker.reading.request import Request

Json = dict[str, Any]

_NUMBERS = count(1)
_CURL = re.compile(r"^(?:(\w+)=\$\()?(curl .*?)(?: \| python3 -c '.*\[\"(\w+)\"\]\)'\))?$")


class ReadDesk(Desk):
    """Has read already: what a process reads is told by the tests of datasets."""

    async def look(self, request: Request) -> Json:
        if request.what == "preview":
            return {"columns": [{"name": "id", "type": "BIGINT"}], "rows": [{"id": 1}], "cut": False}
        facts = {"column": "id", "type": "BIGINT", "rows": 1, "nulls": 0, "distinct": 1, "min": "1", "max": "1"}
        return facts | {"mean": 1.0, "quartiles": [1.0, 1.0, 1.0], "mostFrequent": [{"value": "1", "rows": 1}]}

    async def download(self, request: Request) -> AsyncGenerator[bytes, None]:
        yield b"id\n1\n"

    async def file(self, lake_url: str, path: str) -> AsyncGenerator[bytes, None]:
        yield b"%PDF"


@pytest.fixture
def app(alive: Gateway) -> FastAPI:
    return application(replace(alive, desk_of_tables=ReadDesk()))


@pytest.fixture(autouse=True)
async def orders(gateway: Gateway, team: Team) -> None:
    """The dataset of the examples."""
    made = await manifest.ensure_dataset(gateway.pool, team.org_id, "bronze", "sample.orders", "orders")
    load = manifest.Load(team.org_id, made.id, None, uuid7(), 1, "orders")
    await manifest.add_files(gateway.pool, load, [manifest.NewFile("orders/1.parquet", "1", 1, 9)], visible=True)


@pytest.fixture(autouse=True)
async def completed_agent_run(gateway: Gateway, others: OtherServices, team: Team) -> None:
    """The run of the example that needs a completed one, and a thread that it answered."""
    query = ("query_datasets", "generate_query", {"sql": "SELECT 1 WHERE 'Konya' > ''"}, {"rows": [{"1": 1}]})
    await agent_run(
        gateway.pool, others, team.org_id, [[query]],
        agent={"datasets": ["silver.orders"]}, run_id=UUID(A_COMPLETED_AGENT_RUN),
    )  # fmt: skip
    thread_id, agent_id, pool = UUID(A_THREAD_WITH_CALLS), uuid7(), gateway.pool
    definition = AgentDefinition(instructions="Help.")
    await agents.create_own(pool, team.org_id, thread_id, (agent_id, "Orders"), definition, None)
    await threads.create(pool, NewThread(thread_id, team.org_id, "Orders", agent_id, [], None))
    answered = UUID(A_COMPLETED_AGENT_RUN)
    asked = NewMessage(uuid7(), thread_id, team.org_id, None, 1, "How many?", answered, None, None, None)
    await messages.create(pool, asked, "Orders")


@pytest.fixture(autouse=True)
async def artifact(gateway: Gateway, team: Team) -> None:
    """The one of the examples."""
    await kept_file(gateway.pool, team.org_id, b"%PDF", artifact_id=UUID(AN_ARTIFACT))


@pytest.fixture(autouse=True)
async def flashboards(gateway: Gateway, team: Team) -> None:
    """Those of the examples."""
    for slug in ("old-sales", "sales", "sales"):
        await flashboard(gateway.pool, team.org_id, slug)


@pytest.fixture(autouse=True)
async def given_up_alert(gateway: Gateway, team: Team) -> None:
    """The alert of the example that needs one."""
    slack = {"type": "slack", "host": "hooks.slack.com"}
    rule = NewRule(uuid7(), team.org_id, "Us", True, ["failed"], {}, slack, None, 10, 300, None, None)
    async with gateway.pool.acquire() as conn, conn.transaction():
        assert await rules.create(conn, rule)
    text = "INSERT INTO alerts (id, org_id, rule_id, status) VALUES ($1, $2, $3, 'given_up')"
    await gateway.pool.execute(text, UUID(A_GIVEN_UP_ALERT), team.org_id, rule.id)


@pytest.fixture
async def web(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", timeout=30) as client:
        yield client


@pytest.fixture
async def stranger(gateway: Gateway) -> Team:
    return await make_team(gateway.engine, "stranger")


# A key that is no administrator's makes no keys: people sign in for that.
_FOR_PEOPLE = frozenset({"create_key", "rotate_key"})


# A token is no thing that one could look at.
_WITHOUT_A_PLACE = frozenset({"create_session", "accept_invitation"})


async def reachable(web: httpx2.AsyncClient, place: str, team: Team) -> bool:
    """Whether what was made is where the answer says."""
    return (await web.get(place, headers=team.headers())).status_code == 200


class Shell:
    """Understands the requests of an example; what else it says is left to bash."""

    def __init__(self, web: httpx2.AsyncClient) -> None:
        self._web = web
        self.made: list[str] = []

    async def paste(self, lines: str, key: str, last_key: str | None = None) -> httpx2.Response:
        """The answer of the last request; it may be sent with another key."""
        variables = {"VAI_API_URL": "", "VAI_API_KEY": key}
        *before, last = lines.splitlines()
        for line in before:
            if line == "N=$RANDOM":
                variables["N"] = str(next(_NUMBERS))
            elif _CURL.match(line) is None:
                name = line.partition("=")[0]
                variables[name] = await _evaluated(line, name, variables)
            else:
                name, request, taken = _parsed(line)
                answer = await self._curl(request, variables)
                assert answer.is_success, (line, answer.text)
                variables[name] = answer.json()[taken]
                if answer.request.method == "POST":
                    self.made.append(variables[name])
        variables["VAI_API_KEY"] = key if last_key is None else last_key
        return await self._curl(_parsed(last)[1], variables)

    async def _curl(self, line: str, variables: dict[str, str]) -> httpx2.Response:
        words = [_filled(word, variables) for word in shlex.split(line)]
        method, url, body, headers = "GET", "", None, {}
        rest = iter(words[1:])
        for word in rest:
            if word == "-X":
                method = next(rest)
            elif word == "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            elif word == "-d":
                body = next(rest).encode()
            elif word not in ("-s", "-N"):
                url = word
        if body is not None:
            json.loads(body)
        self._web.cookies.clear()
        return await self._web.request(method, url, content=body, headers=headers)


async def _evaluated(line: str, name: str, variables: dict[str, str]) -> str:
    command = f'set -euo pipefail; {line}; printf %s "${name}"'
    bash = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env={**os.environ, **variables}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await bash.communicate()
    assert bash.returncode == 0, line
    return out.decode()


def _parsed(line: str) -> tuple[str, str, str]:
    found = _CURL.match(line)
    assert found is not None, line
    return found[1] or "", found[2], found[3] or ""


def _filled(word: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: variables[found[1]], word)


def operations(app: FastAPI) -> Iterator[tuple[str, str, Json]]:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def operation_of(app: FastAPI, name: str) -> tuple[str, str, Json]:
    return next(found for found in operations(app) if found[2]["operationId"] == name)


def has_token(operation: Json) -> bool:
    """Whether the example comes in with a token of its own."""
    return "$TOKEN" in lines_of(operation)


def lines_of(operation: Json) -> str:
    return str(operation["x-codeSamples"][0]["source"])


# A key is no session: the example signs nobody out (see tests/audit).
_NOBODY = {"delete_session": ""}


async def entries_of(gateway: Gateway, answer: httpx2.Response) -> int:
    """How many entries of the audit log a request has left."""
    text = "SELECT count(*) FROM audit_entries WHERE request_id = $1 AND outcome = 'done'"
    return int(await gateway.pool.fetchval(text, answer.headers["x-request-id"]))


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_works_as_pasted_and_its_answer_is_as_documented(
    app: FastAPI, web: httpx2.AsyncClient, gateway: Gateway, team: Team, name: str
) -> None:
    method, path, operation = operation_of(app, name)
    answer = await Shell(web).paste(lines_of(operation), team.keys[Role.ADMIN].secret)
    assert answer.is_success, answer.text
    leaves_entry = method not in ("get", "head") and name not in LEFT_OUT | _NOBODY
    assert bool(await entries_of(gateway, answer)) is leaves_entry, "the audit log knows it, unless LEFT_OUT says why"
    if answer.status_code == 201 and name not in _WITHOUT_A_PLACE:
        assert await reachable(web, answer.headers["location"], team), name
    documented = operation["responses"][str(answer.status_code)].get("content", {})
    media = answer.headers.get("content-type", "").split(";")[0]
    if media == "application/json":
        schema = documented[media]["schema"] | {"components": app.openapi()["components"]}
        faults = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer.json())
        assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []
    else:
        assert media in documented or (answer.content == b"" and not documented)
    if (method, path) in {(endpoint["method"], endpoint["path"]) for endpoint in CONTRACT["endpoints"]}:
        body = answer.json() if media == "application/json" else None
        assert faults_in_exchange(method, str(answer.request.url.path), answer.status_code, body) == []


_OF_THE_INSTALLATION = ("/api/v1/sources/{name}",)
"""What every organisation sees."""

_MAKES_ITS_OWN = frozenset({"put_variable", "put_secret"})
"""A name is each organisation's own: who sets it sets its own."""


async def test_another_organisation_finds_nothing(
    app: FastAPI, web: httpx2.AsyncClient, team: Team, stranger: Team
) -> None:
    shell, mine, theirs = Shell(web), team.keys[Role.ADMIN].secret, stranger.keys[Role.ADMIN].secret
    for each in ("create_run", "create_action", "create_automation", "create_connection", "create_user", "create_key"):
        made = await shell.paste(lines_of(operation_of(app, each)[2]), mine)
        shell.made.append(made.json()["id"])
    for method, path, operation in operations(app):
        answer = await shell.paste(lines_of(operation), mine, theirs)
        if operation["operationId"] in _MAKES_ITS_OWN:
            assert answer.status_code == 201, (method, path, answer.text)
        elif "{" in path and operation["x-role"] != "none" and path not in _OF_THE_INSTALLATION:
            assert answer.status_code == 404, (method, path, answer.text)
        if not has_token(operation):
            told = [found for found in (*shell.made, str(team.org_id), str(team.user_id)) if found in answer.text]
            assert told == [], (method, path)


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_what_an_operation_says_and_no_more(
    app: FastAPI, web: httpx2.AsyncClient, team: Team, role: Role
) -> None:
    shell, admin = Shell(web), team.keys[Role.ADMIN].secret
    for method, path, operation in operations(app):
        needed = operation["x-role"]
        if needed == "none" or has_token(operation):
            continue
        answer = await shell.paste(lines_of(operation), admin, team.keys[role].secret)
        if not role.covers(Role(needed)):
            assert answer.status_code == 403, (method, path, answer.text)
            ProblemBody.model_validate(answer.json())
        elif role is Role.ADMIN or operation["operationId"] not in _FOR_PEOPLE:
            assert answer.is_success, (method, path, answer.text)


_TWO_SCOPES = {
    "run_action": ["runs:write"],
    "decide_about_runs": ["runs:approve"],
    "crystallize_agent_run": ["runs:read"],
    "crystallize_thread": ["threads:read"],
}
"""What the examples of these do besides: other values than those that are saved, a rejection, reading."""


async def narrowed(gateway: Gateway, team: Team, scopes: list[str]) -> str:
    async with gateway.engine.begin() as conn:
        made = await api_keys.create_key(conn, team.org_id, team.user_id, "narrow", Role.ADMIN, scopes=scopes)
    return made.secret


@pytest.mark.parametrize("has_it", [True, False])
async def test_a_key_with_scopes_may_what_an_operation_says_and_no_more(
    app: FastAPI, web: httpx2.AsyncClient, gateway: Gateway, team: Team, has_it: bool
) -> None:
    shell, admin = Shell(web), team.keys[Role.ADMIN].secret
    for method, path, operation in operations(app):
        needed, name = operation["x-scope"], operation["operationId"]
        if operation["x-role"] == "none" or has_token(operation) or (needed == "any" and not has_it):
            assert operation["x-role"] != "none" or needed == "none"
            continue
        scopes = [needed, *_TWO_SCOPES.get(name, [])] if has_it else [one for one in SCOPES if one != needed]
        scopes = list(SCOPES) if needed in ("any", "never") else scopes
        answer = await shell.paste(lines_of(operation), admin, await narrowed(gateway, team, scopes))
        if has_it and needed != "never" and name not in _FOR_PEOPLE:
            assert answer.is_success, (method, path, answer.text)
            continue
        assert answer.status_code == 403, (method, path, answer.text)
        [fault] = ProblemBody.model_validate(answer.json()).detail
        assert fault.type == "scope_missing"
        assert has_it or needed == "never" or f"the scope {needed}" in fault.msg, (path, fault.msg)


def test_every_scope_is_needed_somewhere_and_for_the_least_role_that_it_says(app: FastAPI) -> None:
    roles: dict[str, list[Role]] = {}
    for _, path, operation in operations(app):
        if operation["x-role"] != "none":
            roles.setdefault(operation["x-scope"], []).append(Role(operation["x-role"]))
        told = operation["description"]
        assert operation["x-scope"] in ("any", "none", "never") or f"`{operation['x-scope']}`" in told, path
    assert {name: min(found, key=Role.rank) for name, found in roles.items() if name not in ("any", "never")} == {
        name: scope.role for name, scope in SCOPES.items()
    }
    names = {operation["operationId"] for _, _, operation in operations(app)} | {"speak"}
    assert set(FREE) | set(CLOSED) <= names


@pytest.mark.parametrize("key", ["", "vai_unknown", "no key at all"])
async def test_nobody_may_anything(app: FastAPI, web: httpx2.AsyncClient, team: Team, key: str) -> None:
    for method, path, operation in operations(app):
        if operation["x-role"] != "none" and not has_token(operation):
            answer = await Shell(web).paste(lines_of(operation), team.keys[Role.ADMIN].secret, key)
            assert answer.status_code == 401, (method, path, answer.text)
            ProblemBody.model_validate(answer.json())


async def test_what_another_organisation_has_cannot_be_referred_to(
    app: FastAPI, web: httpx2.AsyncClient, team: Team, stranger: Team
) -> None:
    shell, mine = Shell(web), team.keys[Role.ADMIN].secret
    ids = {}
    for each in ("create_run", "create_action", "create_connection"):
        ids[each] = (await shell.paste(lines_of(operation_of(app, each)[2]), mine)).json()["id"]
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    connection = ids["create_connection"]
    for path, body in (
        ("/api/v1/action-runs", noop | {"parentActionRunId": ids["create_run"]}),
        ("/api/v1/action-runs", noop | {"connectionRef": connection}),
        ("/api/v1/action-runs", noop | {"definition": {"source": "noop", "connection": {"id": connection}}}),
        ("/api/v1/actions", noop | {"name": "a", "connectionId": connection}),
        ("/api/v1/actions", noop | {"name": "a", "connectionRef": {"id": connection}}),
    ):
        answer = await web.post(path, json=body, headers=stranger.headers())
        assert answer.status_code == 422, (path, body, answer.text)
    found = await web.get(f"/api/v1/action-runs?action_id={ids['create_action']}", headers=stranger.headers())
    assert found.json()["total"] == 0
