"""Connections with OAuth 2: what is refused of them, and what their test finds out."""

from typing import Any

import httpx2
import pytest

from vai_testkit.servers.json_api import serving
from vai_testkit.servers.oauth_server import OAuthServer
from vai_testkit.servers.web import Reply, WebServer

CONNECTIONS = "/api/v1/connections"


async def make(api: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await api.post(CONNECTIONS, json={"provider": "rest_api", "name": "one"} | fields)
    assert answer.status_code == 201, answer.text
    connection: dict[str, Any] = answer.json()
    return connection


OAUTH = {"type": "oauth2_client_credentials", "access_token_url": "https://vendor.example/token"}
CLIENT = {"client_id": "the-client", "client_secret": "the secret, ä/+&"}


async def test_the_test_of_a_connection_with_oauth_gets_a_token(at_home: httpx2.AsyncClient, server: WebServer) -> None:
    def answer(seen: Any) -> Reply:
        good = seen.headers.get("authorization", "").removeprefix("Bearer ") in vendor.given
        return Reply(200 if good else 401, body=b"{}")

    server.replies["/me"] = answer
    with serving() as token_api:
        vendor = OAuthServer(token_api)
        config = {"base_url": server.url, "test_path": "/me", "auth": {**OAUTH, "access_token_url": vendor.url}}
        connection = await make(at_home, config=config, credentials=CLIENT)
        good = (await at_home.post(f"{CONNECTIONS}/{connection['id']}/test")).json()
        assert (good["ok"], good["checked"]) == (True, ["address", "credentials"])
        vendor.clients["the-client"] = "another"
        bad = await at_home.post(f"{CONNECTIONS}/{connection['id']}/test")
        assert bad.json()["error"]["code"] == "AUTH_ERROR"
        assert "invalid_client" in bad.json()["message"]
        assert "the secret" not in bad.text


@pytest.mark.parametrize(
    ("auth", "credentials", "word"),
    [
        (OAUTH, {"client_id": "c"}, "client_secret"),
        ({**OAUTH, "type": "oauth2_refresh_token"}, CLIENT, "refresh_token"),
        ({**OAUTH, "access_token_url": "ftp://vendor.example"}, CLIENT, "access_token_url"),
        ({**OAUTH, "access_token_url": "https://u:p@vendor.example"}, CLIENT, "password"),
        ({"type": "oauth2_client_credentials"}, CLIENT, "access_token_url"),
        ({**OAUTH, "token_endpoint_auth_method": "tls"}, CLIENT, "client_secret_post"),
        ({**OAUTH, "token_endpoint_auth_method": "none"}, CLIENT, "client_secret"),
        ({**OAUTH, "default_token_expiration": 0}, CLIENT, "default_token_expiration"),
        ({**OAUTH, "access_token_request_data": {"grant_type": "x"}}, CLIENT, "grant_type"),
        ({**OAUTH, "access_token_request_data": {"client_secret": "x"}}, CLIENT, "client_secret"),
        ({**OAUTH, "scope": ["a"]}, CLIENT, "auth"),
        (OAUTH, {**CLIENT, "token": "t"}, "not used"),
        ({"type": "bearer"}, CLIENT, "oauth2_client_credentials"),
        ({"type": "bearer", "scope": "read"}, {"token": "t"}, "oauth2_client_credentials"),
    ],
)
async def test_half_of_oauth_is_refused_when_it_is_saved(
    api: httpx2.AsyncClient, auth: dict[str, Any], credentials: dict[str, Any], word: str
) -> None:
    body = {"provider": "rest_api", "name": "one", "config": {"auth": auth}, "credentials": credentials}
    answer = await api.post(CONNECTIONS, json=body)
    assert answer.status_code == 422
    assert word in answer.text
    assert "the secret" not in answer.text


async def test_another_token_address_needs_the_credentials_again(api: httpx2.AsyncClient) -> None:
    connection = await make(api, config={"auth": OAUTH}, credentials=CLIENT)
    moved = {"config": {"auth": {**OAUTH, "access_token_url": "https://thief.example/token"}}}
    answer = await api.patch(f"{CONNECTIONS}/{connection['id']}", json=moved)
    assert answer.status_code == 422
    assert "give the credentials again" in answer.text
