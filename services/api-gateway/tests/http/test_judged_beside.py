"""A large definition is judged beside the event loop, by whatever route it comes (rule 24)."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from vai_common.ids import uuid7
from vai_records.definitions import sql_text
from vai_records.validation import beside

AUTOMATIONS, ACTIONS, RUNS = "/api/v1/automations", "/api/v1/actions", "/api/v1/action-runs"
KIND = "duckdb_transform"


def _definition(note: str) -> dict[str, Any]:
    return {"transform_name": "t", "sql": f"SELECT '{note}'" + " || 'a'" * 4_000}


def _automation(note: str, **action: Any) -> dict[str, Any]:
    return {"name": note, "steps": [{"key": "a", **(action or {"kind": KIND, "definition": _definition(note)})}]}


@pytest.fixture
def in_the_loop(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The beginnings of large texts that were read in the thread of the event loop."""
    found: list[str] = []
    here, read = threading.current_thread(), sql_text.pieces

    def watched(sql: str) -> Iterator[sql_text.Piece]:
        if len(sql) > beside.LARGE and threading.current_thread() is here:
            found.append(sql[:40])
        return read(sql)

    monkeypatch.setattr(sql_text, "pieces", watched)
    return found


async def _made(api: httpx2.AsyncClient, path: str, body: Any) -> str:
    answer = await api.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json().get("id"))


async def test_no_route_reads_a_large_sql_in_the_loop(api: httpx2.AsyncClient, in_the_loop: list[str]) -> None:
    saved = await _made(api, ACTIONS, {"name": "saved", "kind": KIND, "definition": _definition("action")})
    made = await _made(api, AUTOMATIONS, _automation("made"))
    await _made(api, f"{AUTOMATIONS}/validate", _automation("validated"))
    await _made(api, AUTOMATIONS, _automation("with an action", action_id=saved))
    await _made(api, RUNS, {"kind": KIND, "definition": _definition("run")})
    await _made(api, f"{ACTIONS}/{saved}/run?defer=true", {})
    batch = await api.post(f"{RUNS}/batch", json={"runs": [{"kind": KIND, "definition": _definition("batch")}]})
    assert batch.status_code < 500, batch.text
    changes = [
        (f"{AUTOMATIONS}/{made}", {"max_parallel": 2}),
        (f"{AUTOMATIONS}/{made}", {"steps": _automation("patched")["steps"]}),
        (f"{ACTIONS}/{saved}", {"definition": _definition("patched action")}),
        (f"{ACTIONS}/{saved}", {"connectionId": None}),
    ]
    for path, body in changes:
        sql_text.look.cache_clear()
        answer = await api.patch(path, json=body)
        assert answer.status_code == 200, answer.text
    assert in_the_loop == []


async def test_one_organisation_has_one_judged_at_a_time_and_others_need_not_wait() -> None:
    large, one, other = "x" * (beside.LARGE + 1), uuid7(), uuid7()
    let_go, begun = threading.Event(), threading.Semaphore(0)

    def waits() -> str:
        begun.release()
        let_go.wait(10)
        return "waited"

    tasks = [asyncio.create_task(beside.judged(one, large, waits)) for _ in range(5)]
    await asyncio.to_thread(begun.acquire)
    assert await beside.judged(other, large, lambda: "other") == "other"
    assert not begun.acquire(blocking=False)
    assert await beside.judged(one, "small", lambda: "small") == "small"
    let_go.set()
    assert await asyncio.gather(*tasks) == ["waited"] * 5


@pytest.mark.parametrize(
    ("value", "large"),
    [
        ({"a": "x" * 19_000}, False),
        ({"a": "x" * 20_001}, True),
        ([[["x" * 100]] * 250], True),
        ([[]] * 9_000, False),
        ([[]] * 10_001, True),
        ([0] * 20_001, True),
        (None, False),
    ],
)
def test_what_is_large(value: Any, large: bool) -> None:
    assert beside.is_large(value) is large


async def test_what_is_refused_beside_the_loop_is_refused_here() -> None:
    def fails() -> None:
        raise ValueError("refused")

    work: Callable[[], None] = fails
    with pytest.raises(ValueError, match="refused"):
        await beside.judged(uuid7(), "x" * 30_000, work)
