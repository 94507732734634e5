"""Lists for which all runs may have to be read: they take turns, and end."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http import narrow_pool
from vai_api_gateway.runs.searching import AT_ONCE, Searches
from vai_common.batcher import Overloaded
from vai_records.runs import lists
from vai_records.runs.filters import RunFilters
from vai_records.runs.lists import RunPage, Sorting

SEARCH = RunFilters(text="price")
NOTHING = RunPage([], False, 0)


@pytest.mark.parametrize(
    "filters",
    [RunFilters(labels=("a",)), SEARCH, RunFilters(trigger_source_id="x"), RunFilters(created_by=UUID(int=1))],
)
async def test_an_organisation_that_searches_much_makes_no_other_wait(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, filters: RunFilters
) -> None:
    ended = asyncio.Event()

    async def page(conn: Any, org_id: UUID, filters: RunFilters, sorting: Sorting) -> RunPage:
        if org_id == UUID(int=1) and filters.reads_rows:
            await ended.wait()
        return NOTHING

    monkeypatch.setattr(lists, "list_page", page)
    monkeypatch.setattr(narrow_pool, "TURN_SECONDS", 0.01)
    searches = Searches(gateway.pool)
    asked = [asyncio.ensure_future(searches.page(UUID(int=1), filters, Sorting())) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await searches.page(UUID(int=1), filters, Sorting())
    assert await searches.page(UUID(int=1), RunFilters(action_id=UUID(int=7)), Sorting()) is NOTHING
    assert await searches.page(UUID(int=2), filters, Sorting()) is NOTHING
    ended.set()
    assert await asyncio.gather(*asked) == [NOTHING] * AT_ONCE


async def test_a_search_that_takes_too_long_says_what_to_name(
    api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*given: Any) -> RunPage:
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(lists, "list_page", page)
    answer = await api.get("/api/v1/action-runs", params={"q": "price"})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "too_much")
    assert "created_from" in answer.text


@pytest.mark.parametrize("most", [0, 10_000])
async def test_labels_find_the_same_runs_whether_few_or_many_have_them(
    api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(lists, "MOST_COUNTED", most)
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    given = [{"team": "a", "tier": "1"}, {"team": "a"}, {"team": "b", "tier": "1"}, {}]
    ids = [(await api.post("/api/v1/action-runs", json=noop | {"labels": one})).json()["id"] for one in given]
    for labels, places in (
        (["team=a"], [0, 1]),
        (["team"], [0, 1, 2]),
        (["team=a", "tier"], [0]),
        (["team", "tier=1"], [0, 2]),
        (["team=a", "team=b"], []),
        (["team=a", "team"], [0, 1]),
        (["other"], []),
    ):
        query = {"label": labels, "order": "asc"}
        for more in ({}, {"sort_by": "updated_at"}, {"status": "pending"}):
            answer = (await api.get("/api/v1/action-runs", params=query | more)).json()
            assert [run["id"] for run in answer["runs"]] == [ids[place] for place in places], (labels, more)
