"""Models are kept with their way to the provider; what is changed or not needed any more is not."""

from collections.abc import AsyncIterator

import pytest
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from vai_testkit.models import ModelHouse
from vai_testkit.servers.models.script import Turn
from vai_testkit.servers.models.server import KEY, ModelServer
from vai_worker.models import clients as module
from vai_worker.models.clients import ModelClients
from vai_worker.models.opened import opened

MODEL = "here/scripted-1"


@pytest.fixture
async def clients() -> AsyncIterator[ModelClients]:
    clients = ModelClients()
    yield clients
    await clients.close()


async def _model(house: ModelHouse, clients: ModelClients, wanted: str = MODEL) -> object:
    async with opened(house.run(), wanted, clients) as model:
        return model.model


async def test_runs_share_a_model_until_its_connection_changes(house: ModelHouse, clients: ModelClients) -> None:
    connection_id = await house.connect("here", "openai_compatible")
    first = await _model(house, clients)
    assert await _model(house, clients) is first
    sealed = house.keyring.encrypt_json({"api_key": f"{KEY}-new"}, house.org_id, connection_id)
    await house.pool.execute("UPDATE connections SET credentials = $2 WHERE id = $1", connection_id, sealed)
    second = await _model(house, clients)
    assert second is not first
    changed = {"base_url": f"{house.server.url}/v1", "headers": {"x-team": "b"}}
    await house.pool.execute("UPDATE connections SET config = $2 WHERE id = $1", connection_id, changed)
    assert await _model(house, clients) not in (first, second)


async def test_no_more_are_kept_than_may_be(
    house: ModelHouse, clients: ModelClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 1)
    for slug in ("here", "there"):
        await house.connect(slug, "openai_compatible")
    first = await _model(house, clients)
    async with opened(house.run(), MODEL, clients) as still:
        await _model(house, clients, "there/scripted-1")
        assert await _model(house, clients) is still.model is first, "it was asked, so it was not closed"
    await _model(house, clients, "there/scripted-1")
    assert await _model(house, clients) is not first


async def test_a_way_that_is_shared_keeps_no_cookies(
    house: ModelHouse, provider: ModelServer, clients: ModelClients
) -> None:
    await house.connect("here", "openai_compatible", stream=False)
    provider.says = lambda asked: Turn("Hello.", headers={"Set-Cookie": "who=me"})
    for once in ("1", "2"):
        async with opened(house.run(), MODEL, clients) as model:
            await model.say([ModelRequest(parts=[UserPromptPart("Go.")])], ModelRequestParameters(), once=once)
    assert [asked.headers.get("cookie") for asked in provider.asked] == [None, None]
