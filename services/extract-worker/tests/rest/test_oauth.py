"""A source that wants an access token: renewed before it ends, and once after a 401, in the middle of a run."""

import base64
import itertools
import os
from types import SimpleNamespace
from typing import Any

import pytest

from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent
from vai_records.secrets.keys import Keyring
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_testkit.servers.oauth_server import OAuthServer
from vai_worker.children.job import ConnectionSecret

CLIENT = {"client_id": "the-client", "client_secret": "the secret, ä/+&"}
ROWS = [{"id": number} for number in range(1, 61)]


class Worker:
    """What the worker does for its child: gets tokens, and answers `access_token`."""

    def __init__(self, bench: Any, api: FakeApi, **auth: str) -> None:
        self.bench = bench
        self.api = api
        self.vendor = OAuthServer(api)
        self.asked: list[dict[str, Any]] = []
        self.numbers = itertools.count()
        self.auth = {"type": "oauth2_client_credentials", "access_token_url": self.vendor.url, **auth}
        bench.answers["access_token"] = self.answer
        api.paths["/rows"] = self.pages

    def token(self) -> str:
        text = f"access-token-{next(self.numbers)}"
        self.vendor.given[text] = now().timestamp() + 3600
        return text

    def answer(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(payload)
        return {"access_token": self.token(), "renew_at": now().timestamp() + 3600}

    def pages(self, ask: Ask) -> Any:
        name = self.auth.get("name", "authorization").lower()
        sent = ask.query.get(name, "") if self.auth.get("location") == "query" else ask.headers.get(name, "")
        if self.vendor.given.get(sent.removeprefix("Bearer "), 0) < now().timestamp():
            return Say({"error": f"the token {sent} is no good"}, 401)
        first = int(ask.query.get("offset", "0"))
        return ROWS[first : first + 10]

    def extract(self, renew_in: float = 3600) -> dict[str, Any]:
        config = {"base_url": self.api.url, "auth": self.auth}
        self.bench.connection = ConnectionSecret(
            "018f0000-0000-7000-8000-00000000000c", "crm", "rest_api", config,
            {"client_id": "the-client", "access_token": self.token()}, now().timestamp() + renew_in,
        )  # fmt: skip
        resources = [{"name": "rows", "paginator": {"type": "offset", "limit": 10}}]
        result: dict[str, Any] = self.bench.extract("rest_api", resources=resources, slice_rows=10)
        return result


@pytest.mark.parametrize("auth", [{}, {"name": "X-Access"}, {"name": "access_token", "location": "query"}])
def test_a_token_that_ends_in_the_middle_is_renewed_once(bench: Any, api: FakeApi, auth: dict[str, str]) -> None:
    worker = Worker(bench, api, **auth)

    def ends(ask: Ask) -> Any:
        if len(api.asked_for("/rows")) == 3:
            worker.vendor.revoke()
        return worker.pages(ask)

    api.paths["/rows"] = ends
    assert worker.extract()["recordsProcessed"] == 60
    assert bench.column("rows", "id") == list(range(1, 61))
    assert worker.asked == [{"rejected": "access-token-0"}]
    written = str([bench.commits, bench.link.logs, bench.link.progresses, bench.cursors])
    assert "access-token" not in written


def test_a_token_is_renewed_before_it_ends(bench: Any, api: FakeApi) -> None:
    worker = Worker(bench, api)
    assert worker.extract(renew_in=-1)["recordsProcessed"] == 60
    assert worker.asked == [{}]
    assert all(ask.headers["authorization"] == "Bearer access-token-1" for ask in api.asked)


def test_a_source_that_refuses_every_token_is_asked_twice_and_not_for_ever(bench: Any, api: FakeApi) -> None:
    worker = Worker(bench, api)
    api.paths["/rows"] = lambda ask: Say({"sent": ask.headers["authorization"]}, 401)
    with pytest.raises(Permanent) as raised:
        worker.extract()
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert (len(api.asked), len(worker.asked)) == (2, 1)
    assert "access-token" not in str(raised.value.as_json())


def test_a_401_of_another_host_renews_nothing(bench: Any, api: FakeApi) -> None:
    worker = Worker(bench, api)
    other = api.url.replace("127.0.0.1", "localhost")
    api.paths["/rows"] = lambda ask: Say(status=302, headers={"Location": f"{other}/elsewhere"})
    api.paths["/elsewhere"] = lambda ask: Say({"sent": ask.headers.get("authorization")}, 401)
    with pytest.raises(Permanent):
        worker.extract()
    assert worker.asked == []
    assert "authorization" not in api.asked_for("/elsewhere")[0].headers


def test_what_the_vendor_refuses_ends_the_resource_with_its_words(bench: Any, api: FakeApi) -> None:
    worker = Worker(bench, api)

    def refuses(payload: dict[str, Any]) -> dict[str, Any]:
        raise Permanent(ErrorCode.AUTH_ERROR, "the vendor refuses")

    bench.answers["access_token"] = refuses
    with pytest.raises(Permanent, match="the vendor refuses"):
        worker.extract(renew_in=-1)


async def test_the_worker_gets_the_tokens_and_its_child_never_sees_the_secrets(floor: Any, api: FakeApi) -> None:
    ring = Keyring(f"k0:{base64.b64encode(os.urandom(32)).decode()}")
    vendor = OAuthServer(api, rotates=True, refresh_tokens={"the-first-refresh-token"})
    await floor.connection()
    auth = {"type": "oauth2_refresh_token", "access_token_url": vendor.url}
    known = {**CLIENT, "refresh_token": "the-first-refresh-token"}
    await floor.pool.execute(
        "UPDATE connections SET config = $2, credentials = $3 WHERE id = $1",
        *(floor.connection_id, {"base_url": api.url, "auth": auth}),
        ring.encrypt_json(known, floor.org_id, floor.connection_id),
    )

    def pages(ask: Ask) -> Any:
        if len(api.asked_for("/rows")) == 3:
            vendor.revoke()
        if not vendor.good(ask):
            return Say({"error": ask.headers["authorization"]}, 401)
        return ROWS[int(ask.query["offset"]) :][:10]

    api.paths["/rows"] = pages
    run = await floor.run(source="rest_api", resources=[{"name": "rows", "paginator": {"type": "offset", "limit": 10}}])
    run._means = SimpleNamespace(**vars(run._means) | {"keyring": ring, "addresses": Policy.parse("loopback")})
    connection = await run.connection()
    assert connection.credentials.keys() == {"client_id", "access_token"}
    assert (await floor.extract(run, connection))["recordsProcessed"] == 60
    assert len(vendor.asked) == 2
    sealed = await floor.pool.fetchval("SELECT credentials FROM connections WHERE id = $1", floor.connection_id)
    assert {ring.decrypt_json(sealed, floor.org_id, floor.connection_id)["refresh_token"]} == vendor.refresh_tokens
