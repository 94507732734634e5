"""Lets Shopify's own library read the test server of Shopify: `make check-vendors`.

The library (`ShopifyAPI`) is fetched from the package index into a folder that is removed; nothing here imports it.
"""

import json
import subprocess
import sys
import tempfile
from typing import Final

from vai_testkit.vendors.shopify import TOKEN, Shop, ShopifyServer, serving_shopify

LIBRARY: Final = "ShopifyAPI==12.7.0"

_READER: Final = '''
import json, socket, sys, urllib.parse
import shopify

url, token = sys.argv[1:]
port, found = urllib.parse.urlsplit(url).port, socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: found("127.0.0.1", *more, **named)
shopify.Session.setup(protocol="http", port=port, myshopify_domain="localhost")
shopify.ApiVersion.define_version(shopify.Release("2026-07"))
told = {}

def sign_in(token):
    shopify.ShopifyResource.activate_session(shopify.Session("corner.localhost", "2026-07", token))

sign_in(token)
told["shop"] = shopify.Shop.current().name
pages, after = [], None
while True:
    text = """query($after: String) { orders(first: 25, after: $after, sortKey: UPDATED_AT) {
        nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }"""
    answer = json.loads(shopify.GraphQL().execute(text, variables={"after": after}))
    page = answer["data"]["orders"]
    pages.append([row["id"] for row in page["nodes"]])
    after = page["pageInfo"]["endCursor"]
    told["available"] = answer["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"]
    if not page["pageInfo"]["hasNextPage"]:
        break
told["orders"] = pages
sign_in("shpat_wrong")
try:
    shopify.Shop.current()
except Exception as error:
    told["refused"] = error.response.code
print(json.dumps(told))
'''


def main() -> int:
    """0 where the library has read what the shop holds."""
    with tempfile.TemporaryDirectory() as folder, serving_shopify(Shop.stocked(orders=60)) as server:
        fetch = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", folder, LIBRARY]
        subprocess.run(fetch, check=True)
        ask = [sys.executable, "-c", _READER, server.url, TOKEN]
        done = subprocess.run(ask, check=True, capture_output=True, text=True, env={"PYTHONPATH": folder})
        faults = _faults(json.loads(done.stdout), server)
    read = f"{LIBRARY} reads the test server of Shopify: a shop, 60 orders on 3 pages, a refusal"
    sys.stdout.write("\n".join(faults or [read]) + "\n")
    return bool(faults)


def _faults(told: dict[str, object], server: ShopifyServer) -> list[str]:
    orders = told["orders"]
    assert isinstance(orders, list)
    found = sorted(id for page in orders for id in page)
    faults = []
    if told["shop"] != server.shop.name:
        faults.append(f"the shop is {told['shop']!r}")
    if found != sorted(row["id"] for row in server.shop.rows["orders"]) or [len(page) for page in orders] != [
        25,
        25,
        10,
    ]:
        faults.append(f"{len(found)} orders came on {len(orders)} pages")
    if told.get("refused") != 401:
        faults.append(f"a wrong token was answered with {told.get('refused')}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
