"""Connections to Amazon: what their config comes to, what is refused of it, and what their test finds out."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from vai_testkit.vendors.amazon import AmazonServer, amazon

CONNECTIONS = "/api/v1/connections"
KEYS = {"client_id": "amzn1.app", "client_secret": "hush hush hush", "refresh_token": "Atzr|hush hush"}


@pytest.fixture
def server() -> Iterator[AmazonServer]:
    with amazon() as made:
        yield made


async def made(api: httpx2.AsyncClient, config: dict[str, Any], keys: dict[str, str] = KEYS) -> httpx2.Response:
    body = {"provider": "amazon_sp_api", "name": "Amazon", "config": config, "credentials": keys}
    return await api.post(CONNECTIONS, json=body)


async def test_a_region_says_where_its_api_is_and_how_tokens_are_got(api: httpx2.AsyncClient) -> None:
    config = (await made(api, {"region": "EU", "marketplaces": ["DE", "UK"]})).json()["config"]
    assert config["base_url"] == "https://sellingpartnerapi-eu.amazon.com"
    assert config["auth"] == {
        "type": "oauth2_refresh_token",
        "access_token_url": "https://api.amazon.com/auth/o2/token",
        "name": "x-amz-access-token",
    }
    assert (await made(api, {"marketplaces": ["JP"]})).json()["config"]["region"] == "fe"


@pytest.mark.parametrize(
    ("config", "field", "word"),
    [
        ({}, ["body", "config", "region"], "na, eu, fe"),
        ({"region": "europe"}, ["body", "config", "region"], "na, eu, fe"),
        ({"region": "na", "marketplaces": ["DE"]}, ["body", "config", "region"], "eu"),
        ({"marketplaces": ["US", "DE"]}, ["body", "config", "marketplaces"], "a connection each"),
        ({"marketplaces": ["Atlantis"]}, ["body", "config", "marketplaces"], "no marketplace"),
        ({"marketplaces": "DE"}, ["body", "config", "marketplaces"], "list"),
    ],
)
async def test_a_config_that_leads_nowhere_is_refused(
    api: httpx2.AsyncClient, config: dict[str, Any], field: list[str], word: str
) -> None:
    answer = await made(api, config)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["loc"], word in fault["msg"]) == (field, True)


async def test_another_region_or_token_address_needs_the_credentials_again(api: httpx2.AsyncClient) -> None:
    connection = (await made(api, {"region": "na"})).json()
    path, config = f"{CONNECTIONS}/{connection['id']}", connection["config"]
    for moved in (
        {**config, "region": "eu"},
        {**config, "base_url": "https://elsewhere.example"},
        {**config, "auth": {**config["auth"], "access_token_url": "https://elsewhere.example/token"}},
    ):
        assert (await api.patch(path, json={"config": moved})).status_code == 422
    again = await api.patch(path, json={"config": {**config, "region": "eu"}, "credentials": KEYS})
    assert again.json()["config"]["base_url"] == "https://sellingpartnerapi-eu.amazon.com"


async def test_its_test_gets_a_token_and_asks_amazon(at_home: httpx2.AsyncClient, server: AmazonServer) -> None:
    config = {"region": "na", "base_url": server.api.url, "auth": {"access_token_url": server.token_url}}
    connection = (await made(at_home, config, server.credentials)).json()
    good = (await at_home.post(f"{CONNECTIONS}/{connection['id']}/test")).json()
    assert (good["ok"], good["checked"]) == (True, ["address", "credentials"])
    server.refresh_tokens = {"another"}
    bad = await at_home.post(f"{CONNECTIONS}/{connection['id']}/test")
    assert (bad.json()["error"]["code"], "invalid_grant" in bad.json()["message"]) == ("AUTH_ERROR", True)
    assert "Atzr" not in bad.text


async def test_the_source_tells_its_tables_and_what_its_connection_holds(api: httpx2.AsyncClient) -> None:
    source = (await api.get("/api/v1/sources/amazon_sp_api")).json()
    assert source["credentialsSchema"]["required"] == ["client_id", "client_secret", "refresh_token"]
    sizes = {one["name"]: (one["size"], one["cursor"]) for one in source["resources"]}
    assert sizes["order_items"] == ("XL", "lastUpdatedTime")
    assert sizes["merchant_listings"] == ("M", None)
