"""Lists of models do not wait for each other: not for a silent provider, nor for those of another organisation."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from vai_api_gateway.models import lists
from vai_api_gateway.models.api import ModelApi
from vai_api_gateway.models.lists import ModelLists
from vai_common.egress.addresses import PUBLIC
from vai_records.connections.connections import Connection
from vai_testkit.wait import wait_for

AT = datetime(2026, 11, 29, tzinfo=UTC)


def connection(slug: str, **config: Any) -> tuple[Connection, dict[str, Any]]:
    shown = (uuid4(), slug, slug, "openai_compatible", False, config, False, "active", None, None, None, AT, AT)
    return Connection(*shown), {}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The providers that were asked, by their addresses; those that are called `silent` never answer."""
    asked: list[str] = []

    async def names(api: ModelApi) -> list[str]:
        asked.append(api.config["base_url"])
        if "silent" in api.config["base_url"]:
            await asyncio.Event().wait()
        return ["m"]

    monkeypatch.setattr(ModelApi, "names", names)
    return asked


async def test_a_silent_provider_costs_its_own_organisation_a_bounded_time(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ModelLists(PUBLIC)
    silent = [connection(f"s{n}", base_url="http://silent") for n in range(9)]
    waiting = asyncio.ensure_future(found.of(UUID(int=1), silent))
    await wait_for(lambda: len(asked) == 8, what="eight are asked")
    [other] = await found.of(UUID(int=2), [connection("o", base_url="http://other")])
    assert (other.names, other.error) == (("m",), None)
    waiting.cancel()
    monkeypatch.setattr(lists, "LONGEST_SECONDS", 0.01)
    *told, named = await found.of(UUID(int=1), [*silent, connection("named", models=["a"])])
    assert named.names == ("a",)
    assert all(one.error is not None and "was not asked in time" in one.error["message"] for one in told)


async def test_one_provider_is_asked_once_for_many_who_want_its_list(asked: list[str]) -> None:
    found = ModelLists(PUBLIC)
    one = connection("o", base_url="http://other")
    for _ in range(3):
        assert [each.names for each in await found.of(UUID(int=1), [one])] == [("m",)]
    assert asked == ["http://other"]
