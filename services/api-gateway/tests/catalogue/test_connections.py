from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import ConnectionShape, ConnectionsShape, ConnectionTestShape
from vai_api_gateway.settings import Settings
from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_records.secrets.keys import Keyring
from vai_testkit.rings import MemoryBell
from vai_testkit.servers.mcp import serving_mcp
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.services import MemoryProducer
from vai_testkit.team import Team

CONNECTIONS = "/api/v1/connections"


async def make(api: httpx2.AsyncClient, name: str = "My shop", **fields: Any) -> dict[str, Any]:
    answer = await api.post(CONNECTIONS, json={"provider": "acme", "name": name} | fields)
    assert answer.status_code == 201, answer.text
    ConnectionShape.model_validate(answer.json())
    connection: dict[str, Any] = answer.json()
    return connection


async def test_credentials_go_in_and_never_come_out(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    connection = await make(api, config={"shop": "acme"}, credentials={"token": "hunter2"})

    assert connection["hasCredentials"] is True
    assert (connection["slug"], connection["status"], connection["config"]) == ("my-shop", "active", {"shop": "acme"})
    for path in (CONNECTIONS, f"{CONNECTIONS}/{connection['id']}"):
        assert "hunter2" not in (await api.get(path)).text
    connection_id = UUID(connection["id"])
    sealed = await gateway.pool.fetchval("SELECT credentials FROM connections WHERE id = $1", connection_id)
    assert b"hunter2" not in sealed
    assert gateway.keyring.decrypt_json(sealed, team.org_id, connection_id) == {"token": "hunter2"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"provider": "Not Allowed"}, "provider"),
        ({"provider": None}, "provider"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"config": "text"}, "config"),
        ({"credentials": "text"}, "credentials"),
        ({"isDefault": "yes"}, "isDefault"),
        ({"maxRunning": 0}, "maxRunning"),
        ({"password": "hunter2"}, "password"),
    ],
)
async def test_a_bad_connection_is_refused(api: httpx2.AsyncClient, fields: dict[str, Any], field: str) -> None:
    answer = await api.post(CONNECTIONS, json={"provider": "acme", "name": "one"} | fields)
    assert answer.status_code == 422
    assert {detail["loc"][1] for detail in answer.json()["detail"]} == {field}


async def test_another_limit_is_told_to_who_lets_runs_in(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{CONNECTIONS}/{(await make(api, maxRunning=1))['id']}"
    bell = MemoryBell()
    monkeypatch.setattr(gateway.bell, "ring", bell.ring)
    assert (await api.patch(path, json={"name": "Other"})).status_code == 200
    assert bell.rung == []
    for most in (5, None):
        assert (await api.patch(path, json={"maxRunning": most})).status_code == 200
    assert bell.rung == [(ROOM, team.org_id)] * 2


async def test_a_change_leaves_the_rest_as_it_was(api: httpx2.AsyncClient) -> None:
    connection = await make(api, config={"a": 1}, credentials={"token": "x"}, maxRunning=3)
    path = f"{CONNECTIONS}/{connection['id']}"

    async def patched(**fields: Any) -> dict[str, Any]:
        answer = await api.patch(path, json=fields)
        assert answer.status_code == 200, answer.text
        ConnectionShape.model_validate(answer.json())
        found: dict[str, Any] = answer.json()
        return found

    assert await patched() | {"updatedAt": connection["updatedAt"]} == connection
    assert (await patched(name="Other"))["slug"] == "my-shop"
    assert (await patched(config={"b": 2}))["config"] == {"b": 2}
    assert (await patched(isDefault=True))["isDefault"] is True
    assert (await patched(maxRunning=None))["maxRunning"] is None
    assert (await patched(status="disabled"))["status"] == "disabled"
    found = await patched(credentials=None)
    assert (found["hasCredentials"], found["name"]) == (False, "Other")
    for key in ("name", "slug", "status", "isDefault"):
        assert (await api.patch(path, json={key: None})).status_code == 422


async def test_another_address_needs_the_credentials_again(api: httpx2.AsyncClient) -> None:
    connection = await make(api, config={"base_url": "https://one.example"}, credentials={"token": "x"})
    path = f"{CONNECTIONS}/{connection['id']}"

    moved = {"config": {"base_url": "https://two.example"}}
    assert (await api.patch(path, json=moved)).status_code == 422
    assert (await api.patch(path, json=moved | {"credentials": {"token": "y"}})).status_code == 200
    assert (await api.patch(path, json={"config": moved["config"] | {"more": 1}})).status_code == 200


async def test_lists_page_and_filter(api: httpx2.AsyncClient, team: Team) -> None:
    await make(api, "one")
    await make(api, "two", provider="klaviyo")

    async def names(query: str = "") -> list[str]:
        answer = await api.get(f"{CONNECTIONS}?{query}")
        ConnectionsShape.model_validate(answer.json())
        return [connection["name"] for connection in answer.json()["connections"]]

    assert await names() == ["two", "one"]
    assert await names("provider=acme") == ["one"]
    assert await names("provider=acme,klaviyo&limit=1") == ["two"]
    assert await names("q=ON") == ["one"]
    assert (await api.get(CONNECTIONS)).json()["users"][str(team.user_id)]["lastName"] == "Lovelace"


async def test_a_slug_belongs_to_one_connection(api: httpx2.AsyncClient) -> None:
    first = await make(api)
    second = await make(api, "other")
    again = {"provider": "acme", "name": "x", "slug": "my-shop"}
    assert (await api.post(CONNECTIONS, json=again)).status_code == 409
    assert (await api.patch(f"{CONNECTIONS}/{second['id']}", json={"slug": "my-shop"})).status_code == 409
    assert (await api.delete(f"{CONNECTIONS}/{first['id']}")).status_code == 204
    assert (await api.get(f"{CONNECTIONS}/{first['id']}")).status_code == 404
    assert (await api.post(CONNECTIONS, json=again)).status_code == 201


async def test_a_connection_in_use_stays(api: httpx2.AsyncClient) -> None:
    connection = await make(api)
    definition = {"source": "noop", "connection": connection["slug"]}
    run = (await api.post("/api/v1/action-runs", json={"kind": "dlt_extract", "definition": definition})).json()

    answer = await api.delete(f"{CONNECTIONS}/{connection['id']}")
    assert answer.status_code == 409
    assert run["id"] in answer.json()["detail"][0]["msg"]


async def tried(api: httpx2.AsyncClient, connection: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(f"{CONNECTIONS}/{connection['id']}/test")
    assert answer.status_code == 200, answer.text
    ConnectionTestShape.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


async def test_a_connection_that_answers_is_good(at_home: httpx2.AsyncClient, server: WebServer) -> None:
    config = {"base_url": server.url, "test_path": "/ping"}
    connection = await make(at_home, config=config, credentials={"token": "hunter2"})

    assert (await tried(at_home, connection))["ok"] is True
    assert server.seen[0].target == "/ping"
    assert server.seen[0].headers["authorization"] == "Bearer hunter2"


@pytest.mark.parametrize(
    ("reply", "code", "retryable"),
    [
        (Reply(401), "AUTH_ERROR", False),
        (Reply(403), "AUTH_ERROR", False),
        (Reply(503), "CONNECTION_ERROR", True),
        (Reply(hang_up=True), "CONNECTION_ERROR", True),
    ],
)
async def test_a_failed_test_is_shown_and_told(
    at_home: httpx2.AsyncClient,
    server: WebServer,
    gateway: Gateway,
    producer: MemoryProducer,
    reply: Reply,
    code: str,
    retryable: bool,
) -> None:
    server.replies["/"] = reply
    connection = await make(at_home, config={"base_url": server.url}, credentials={"token": "hunter2"})

    found = await tried(at_home, connection)
    assert (found["ok"], found["error"]["code"], found["error"]["retryable"]) == (False, code, retryable)
    assert "hunter2" not in str(found)
    shown = (await at_home.get(f"{CONNECTIONS}/{connection['id']}")).json()
    assert (shown["status"], shown["lastError"]) == ("error", found["error"])
    await gateway.publisher.close(5)
    assert [record.topic for record in producer.records] == ["connection.error"]

    server.replies["/"] = Reply(404)
    assert (await tried(at_home, connection))["ok"] is True
    shown = (await at_home.get(f"{CONNECTIONS}/{connection['id']}")).json()
    assert (shown["status"], shown["lastError"]) == ("active", None)


async def test_a_private_address_is_not_tested_for_those_who_may_not(
    api: httpx2.AsyncClient, server: WebServer
) -> None:
    found = await tried(api, await make(api, config={"base_url": server.url}))
    assert (found["ok"], found["error"]["code"]) == (False, "CONNECTION_ERROR")
    assert server.seen == []


async def test_credentials_that_say_nothing_to_http_are_told(api: httpx2.AsyncClient) -> None:
    config = {"base_url": "https://api.example.com"}
    keys = {"access_key_id": "AKIA", "secret_access_key": "hunter2"}
    found = await tried(api, await make(api, config=config, credentials=keys))
    assert (found["ok"], found["error"]["code"]) == (False, "AUTH_ERROR")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "set config.base_url"),
        ({"config": {"base_url": "ftp://files.example.com"}}, "set config.base_url"),
        ({"config": {"url": "https://["}}, "set config.base_url"),
        ({"provider": "filesystem"}, "folders are the extract-worker's"),
        ({"provider": "s3", "config": {"region": "eu-central-1"}}, "a bucket is named by the run"),
    ],
)
async def test_a_connection_without_an_address_cannot_be_tested_and_says_why(
    api: httpx2.AsyncClient, fields: dict[str, Any], says: str
) -> None:
    connection = await make(api, **fields)
    answer = await api.post(f"{CONNECTIONS}/{connection['id']}/test")
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert detail["type"] == "untestable"
    assert says in detail["msg"]
    assert (await api.get(f"{CONNECTIONS}/{connection['id']}")).json()["status"] == "active"


async def test_a_test_says_what_it_could_check(at_home: httpx2.AsyncClient, server: WebServer) -> None:
    config = {"base_url": server.url, "auth": {"type": "api_key", "name": "X-Shop", "location": "header"}}
    connection = await make(at_home, config=config, credentials={"api_key": "hunter2"})
    assert (await tried(at_home, connection))["checked"] == ["address", "credentials"]
    assert server.seen[0].headers["x-shop"] == "hunter2"

    server.replies["/"] = Reply(404)
    found = await tried(at_home, connection)
    assert (found["ok"], found["checked"]) == (True, ["address"])
    assert "config.test_path" in found["message"]
    found = await tried(at_home, await make(at_home, "open", config={"base_url": server.url}))
    assert (found["ok"], found["checked"]) == (True, ["address"])


async def test_an_mcp_server_is_asked_for_its_tools(at_home: httpx2.AsyncClient, server: WebServer) -> None:
    async with serving_mcp() as shop:
        shop.key = "hunter22"
        shop.add("stock", "7")
        good = await make(at_home, provider="mcp", config={"url": shop.url}, credentials={"token": "hunter22"})
        bad = await make(at_home, provider="mcp", config={"url": shop.url}, credentials={"token": "hunter23"})
        none = await make(at_home, provider="mcp", config={"url": server.url})
        found = [await tried(at_home, one) for one in (good, bad, none)]
    assert [one["ok"] for one in found] == [True, False, False]
    assert found[0]["message"] == "127.0.0.1 speaks MCP and has 1 tool: stock"
    assert found[0]["checked"] == ["address", "credentials"]
    assert found[1]["error"]["code"] == "AUTH_ERROR"
    assert found[2]["error"]["code"] == "CONNECTION_ERROR"
    assert shop.called == []


async def test_a_file_store_is_reached_and_its_keys_are_not_sent(
    at_home: httpx2.AsyncClient, server: WebServer
) -> None:
    server.replies["/"] = Reply(403)
    config, keys = {"endpoint_url": server.url}, {"access_key_id": "AKIA", "secret_access_key": "hunter2"}
    found = await tried(at_home, await make(at_home, provider="s3", config=config, credentials=keys))
    assert (found["ok"], found["checked"]) == (True, ["address"])
    assert "authorization" not in server.seen[0].headers
    server.replies["/"] = Reply(503)
    found = await tried(at_home, await make(at_home, "b", provider="s3", config=config, credentials=keys))
    assert (found["ok"], found["error"]["code"]) == (False, "CONNECTION_ERROR")


async def test_a_postgres_database_is_signed_in_to(at_home: httpx2.AsyncClient, settings: Settings) -> None:
    there = urlsplit(settings.database_url)
    name, user = there.path.lstrip("/"), {"username": there.username, "password": there.password or ""}

    async def found(provider: str, config: dict[str, Any], credentials: Any) -> dict[str, Any]:
        connection = await make(at_home, str(uuid7()), provider=provider, config=config, credentials=credentials)
        return await tried(at_home, connection)

    by_parts = {"host": there.hostname, "port": there.port, "database": name}
    by_url = {"url": f"postgresql://{there.hostname}:{there.port}/{name}"}
    for provider, config in (("postgres", by_parts), ("postgresql", by_url), ("sql_database", by_url)):
        good = await found(provider, config, user)
        assert (good["ok"], good["checked"]) == (True, ["address", "credentials"]), good
    refused = await found("postgres", by_parts, {"username": "nobody", "password": "hunter2"})
    assert (refused["error"]["code"], refused["error"]["retryable"]) == ("AUTH_ERROR", False)
    missing = await found("postgres", by_parts | {"database": "nothing"}, user)
    assert missing["error"]["code"] == "CONNECTION_ERROR"
    assert "no database 'nothing'" in missing["message"]
    reached = await found("clickhouse", by_parts, user)
    assert (reached["ok"], reached["checked"]) == (True, ["address"])
    assert "hunter2" not in str(refused)


async def test_a_database_that_is_none_is_told(at_home: httpx2.AsyncClient, server: WebServer) -> None:
    there = urlsplit(server.url)
    config: dict[str, Any] = {"host": there.hostname, "port": there.port}
    user = {"username": "ada", "password": "hunter2"}
    for n, change in enumerate(({}, {"port": 1}, {"port": "many"}, {"port": 70_000}, {"host": "no.such.host.invalid"})):
        connection = await make(at_home, f"db {n}", provider="postgres", config=config | change, credentials=user)
        found = await tried(at_home, connection)
        assert (found["ok"], found["error"]["code"] in ("CONNECTION_ERROR", "DATA_ERROR")) == (False, True)


async def test_a_private_database_is_not_reached_by_those_who_may_not(
    api: httpx2.AsyncClient, settings: Settings
) -> None:
    there = urlsplit(settings.database_url)
    config = {"host": there.hostname, "port": there.port}
    found = await tried(api, await make(api, provider="postgres", config=config, credentials={"username": "x"}))
    assert (found["ok"], found["error"]["code"]) == (False, "CONNECTION_ERROR")
    assert "not public" in found["message"]


async def test_other_credentials_take_an_error_back(at_home: httpx2.AsyncClient, server: WebServer) -> None:
    server.replies["/"] = Reply(401)
    connection = await make(at_home, config={"base_url": server.url}, credentials={"token": "x"})
    path = f"{CONNECTIONS}/{connection['id']}"
    await tried(at_home, connection)
    assert (await at_home.patch(path, json={"name": "still wrong"})).json()["status"] == "error"
    changed = (await at_home.patch(path, json={"credentials": {"token": "y"}})).json()
    assert (changed["status"], changed["lastError"]) == ("active", None)


@pytest.mark.parametrize("name", ["base_url", "url", "endpoint_url", "anything"])
async def test_an_address_with_a_password_in_it_is_refused(api: httpx2.AsyncClient, name: str) -> None:
    config = {name: "postgresql+psycopg://ada:hunter2@db.example.com/shop"}
    answer = await api.post(CONNECTIONS, json={"provider": "postgres", "name": "db", "config": config})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "config", name])
    assert "hunter2" not in answer.text
    connection = await make(api)
    answer = await api.patch(f"{CONNECTIONS}/{connection['id']}", json={"config": config})
    assert answer.status_code == 422


@pytest.mark.parametrize("fields", ["config", "credentials"])
async def test_what_is_secret_or_unusable_is_refused_and_not_repeated(api: httpx2.AsyncClient, fields: str) -> None:
    wrong: Any = {"config": {"deep": [{"password": "hunter2"}]}, "credentials": {"pin": "hunter2"}}
    answer = await api.post(CONNECTIONS, json={"provider": "rest", "name": "x", fields: wrong[fields]})
    assert (answer.status_code, answer.json()["detail"][0]["loc"][:2]) == (422, ["body", fields])
    assert "hunter2" not in answer.text
    connection = await make(api, config={"base_url": "https://one.example"}, credentials={"token": "x"})
    answer = await api.patch(
        f"{CONNECTIONS}/{connection['id']}", json={fields: wrong[fields], "credentials": {"pin": "1"}}
    )
    assert answer.status_code == 422


async def test_url_is_stored_as_base_url_and_may_not_differ(api: httpx2.AsyncClient) -> None:
    connection = await make(api, config={"url": "https://one.example"}, credentials={"token": "x"})
    assert connection["config"] == {"base_url": "https://one.example"}
    path = f"{CONNECTIONS}/{connection['id']}"
    both = {"url": "https://one.example", "base_url": "https://one.example"}
    assert (await api.patch(path, json={"config": both})).status_code == 200
    answer = await api.patch(path, json={"config": both | {"url": "https://two.example"}})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "config", "url"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"host": "one.example"}, {"host": "two.example"}),
        ({"host": "one.example", "port": 1}, {"host": "one.example", "port": 2}),
        ({"endpoint_url": "https://one.example"}, {"endpoint_url": "https://two.example"}),
        ({"base_url": "https://one.example"}, {"base_url": "https://one.example", "host": "two.example"}),
    ],
)
async def test_every_sort_of_address_needs_the_credentials_again(
    api: httpx2.AsyncClient, before: dict[str, Any], after: dict[str, Any]
) -> None:
    connection = await make(api, config=before, credentials={"token": "x"})
    answer = await api.patch(f"{CONNECTIONS}/{connection['id']}", json={"config": after})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "credentials"])


async def test_credentials_that_no_key_opens_are_the_operators_business(
    at_home: httpx2.AsyncClient, server: WebServer, gateway: Gateway
) -> None:
    connection = await make(at_home, config={"base_url": server.url}, credentials={"token": "x"})
    other = Keyring("lost:" + "A" * 43 + "=").encrypt_json({}, UUID(int=1), UUID(int=2))
    await gateway.pool.execute("UPDATE connections SET credentials = $2 WHERE id = $1", UUID(connection["id"]), other)
    answer = await at_home.post(f"{CONNECTIONS}/{connection['id']}/test")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (503, "unavailable")
    assert "does not open" in answer.text
    assert "lost" not in answer.text


async def test_a_config_has_a_bounded_number_of_values(api: httpx2.AsyncClient) -> None:
    for config in ({"x": ["a"] * 100_000}, {f"k{number}": 1 for number in range(2_000)}, {"x": [[0]] * 600}):
        answer = await api.post("/api/v1/connections", json={"name": "large", "provider": "http", "config": config})
        assert answer.status_code == 422, answer.text[:300]
        assert [(f["loc"], f["type"]) for f in answer.json()["detail"]] == [(["body", "config"], "too_many")]
