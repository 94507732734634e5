"""A slug that nobody gave is made of the name, in every script, and is free."""

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_records.catalogue.naming import LONGEST_SLUG, slug_of

NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
MADE: dict[str, dict[str, Any]] = {
    "actions": NOOP,
    "agents": {"instructions": "Answer."},
    "automations": {"steps": [{"key": "a", **NOOP}]},
    "connections": {"provider": "shopify"},
}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Nightly Sync", "nightly-sync"),
        ("  Stg Shöpify (new)! ", "stg-shopify-new"),
        ("Straße Łódź Ærø", "strasse-lodz-aero"),
        ("日次 sync 2", "sync-2"),
        ("日次同期", "dlt-extract-233561"),
        ("売上集計", "dlt-extract-ae020f"),
        ("x" * 255, "x" * 240),
    ],
)
def test_a_slug_is_made_from_the_name(name: str, slug: str) -> None:
    assert slug_of(name, "dlt_extract") == slug


@given(st.text(min_size=1, max_size=255))
def test_every_name_has_a_slug_and_always_the_same(name: str) -> None:
    made = slug_of(name, "automation")
    assert made == slug_of(name, "automation")
    assert 0 < len(f"{made}-99999") <= LONGEST_SLUG
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("what", sorted(MADE))
async def test_a_made_slug_is_never_refused(api: httpx2.AsyncClient, what: str) -> None:
    """Also where many are made at the same moment; one that was given is."""
    path = f"/api/v1/{what}"
    asked = [api.post(path, json={"name": "日次同期", **MADE[what]}) for _ in range(6)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    base = slug_of(
        "日次同期", {"actions": "dlt_extract", "agents": "agent", "connections": "shopify"}.get(what, "automation")
    )
    assert {answer.json()["slug"] for answer in answers} == {base, *(f"{base}-{n}" for n in range(2, 7))}
    refused = await api.post(path, json={"name": "x", "slug": base, **MADE[what]})
    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (409, ["body", "slug"])


@pytest.mark.parametrize("what", sorted(MADE))
async def test_who_is_always_too_late_has_a_slug_nevertheless(
    api: httpx2.AsyncClient, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where very many of one name are made at the same moment."""

    async def always_the_same(*_: object) -> str:
        return "one"

    monkeypatch.setattr("vai_api_gateway.catalogue.slugs.free_slug", always_the_same)
    made = [await api.post(f"/api/v1/{what}", json={"name": "One", **MADE[what]}) for _ in range(3)]
    assert [answer.status_code for answer in made] == [201] * 3, [answer.text for answer in made]
    assert len({answer.json()["slug"] for answer in made}) == 3


@pytest.mark.parametrize("what", sorted(MADE))
async def test_a_taken_slug_is_no_error_in_the_servers_log(
    api: httpx2.AsyncClient, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Postgres refuses, it logs: it is asked before."""
    path, refused = f"/api/v1/{what}", list[Any]()
    errors: Any = asyncpg.PostgresError
    made = errors.new
    monkeypatch.setattr(errors, "new", lambda *said, **more: refused.append(said) or made(*said, **more))
    mine = (await api.post(path, json={"name": "One", "slug": "one", **MADE[what]})).json()
    assert (await api.post(path, json={"name": "Two", "slug": "two", **MADE[what]})).status_code == 201
    for answer in (
        await api.post(path, json={"name": "Three", "slug": "one", **MADE[what]}),
        await api.patch(f"{path}/{mine['id']}", json={"slug": "two"}),
    ):
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (409, ["body", "slug"])
    assert refused == []
