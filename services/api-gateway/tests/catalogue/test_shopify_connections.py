"""Connections to Shopify: what their test finds out, and that a token stays with its shop."""

from typing import Any

import httpx2

from vai_testkit.servers.json_api import Say
from vai_testkit.vendors.shopify import TOKEN, serving_shopify

CONNECTIONS = "/api/v1/connections"


async def make(api: httpx2.AsyncClient, name: str, **fields: Any) -> dict[str, Any]:
    answer = await api.post(CONNECTIONS, json={"provider": "shopify", "name": name} | fields)
    assert answer.status_code == 201, answer.text
    connection: dict[str, Any] = answer.json()
    return connection


async def tried(api: httpx2.AsyncClient, connection: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await api.post(f"{CONNECTIONS}/{connection['id']}/test")).json()
    return found


async def test_a_shop_is_tested_with_its_token_and_keeps_its_address(at_home: httpx2.AsyncClient) -> None:
    with serving_shopify() as shop:
        config = {"shop": "corner", "base_url": shop.url}
        good = await make(at_home, "good", config=config, credentials={"access_token": TOKEN})
        said = await tried(at_home, good)
        assert (said["ok"], said["checked"]) == (True, ["address", "credentials"])
        bad = await make(at_home, "bad", config=config, credentials={"access_token": "shpat_x"})
        assert (await tried(at_home, bad))["error"]["code"] == "AUTH_ERROR"
        shop.say = [Say({"errors": "Unavailable Shop"}, 402)]
        said = await tried(at_home, good)
        assert (said["ok"], said["error"]["details"]["statusCode"]) == (False, 402)

    named = await make(at_home, "named", config={"shop": "corner.myshopify.com"}, credentials={})
    assert named["config"]["base_url"] == "https://corner.myshopify.com"
    moved = await at_home.patch(f"{CONNECTIONS}/{good['id']}", json={"config": {"shop": "other"}})
    assert moved.status_code == 422  # the token is of the shop before
    assert moved.json()["detail"][0]["loc"] == ["body", "credentials"]
    odd = {"provider": "shopify", "name": "odd", "config": {"shop": "evil.example/#"}}
    assert (await at_home.post(CONNECTIONS, json=odd)).json()["detail"][0]["loc"] == ["body", "config", "shop"]
