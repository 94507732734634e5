"""kill -9 of the agent-worker at every step of a ten-step agent's run, at each place of a step.

One run for each place, all in one worker: in round N each stands in its step N at its own place when the worker is
killed. A place in the database is a statement that waits for a lock of the test; the lock is given free behind the
kill, and the server goes on with the statement as it does when a client has died. So what was in a transaction is
rolled back, and what was a statement of its own is done without anybody who learns of it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.integration.runs import all_ended, all_published, assert_told_once, journal, log_of
from vai_devstack.stack import Stack
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import KEY, ModelServer, serving_models
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_testkit.stack import create_run
from vai_testkit.wait import wait_for

pytestmark = [pytest.mark.apart, pytest.mark.any_broker]

STEPS = 10
OUTSIDE = ("asked", "speaking", "waiting")
"""Places at which a server keeps the worker waiting: the model before its answer, the model in the middle of it, and
the server that a tool calls."""
STATEMENTS = {
    "answered": ("INSERT ON agent_turns", ""),
    "making": ("INSERT ON runs", "WHEN (NEW.parent_run_id IS NOT NULL)"),
    "parking": ("UPDATE ON runs", "WHEN (OLD.phase = 'leased' AND NEW.phase = 'parked')"),
    "gathering": ("UPDATE ON agent_turns", "WHEN (OLD.results IS NULL AND NEW.results IS NOT NULL)"),
    "ending": ("UPDATE ON runs", "WHEN (NEW.kind = 'call_agent' AND NEW.status = 'completed')"),
}
PLACES = (*OUTSIDE, *(place for place in STATEMENTS if place != "ending"))
_ASKED_AGAIN = ("asked", "speaking", "answered", "making")
"""Places at which an answer was on its way, but not written: its calls are made in the transaction that writes it."""
_WITHOUT_CALLS = ("asked", "speaking", "answered")
"""Those that the last step has, too."""

_LOCK = 471_100
_FUNCTION = f"""
CREATE FUNCTION test_halt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE whose uuid; at_step int; found int;
BEGIN
    IF TG_TABLE_NAME = 'agent_turns' THEN
        whose := NEW.run_id; at_step := NEW.turn;
    ELSE
        whose := CASE TG_OP WHEN 'INSERT' THEN NEW.parent_run_id ELSE NEW.id END;
        at_step := (SELECT max(t.turn) FROM agent_turns t WHERE t.run_id = whose);
    END IF;
    SELECT h.key INTO found FROM test_halts h
        WHERE h.run_id = whose AND h.step = at_step AND h.place = TG_ARGV[0];
    IF found IS NOT NULL THEN PERFORM pg_advisory_xact_lock({_LOCK}, found); END IF;
    RETURN NEW;
END $$
"""
_WAITING = f"SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = {_LOCK} AND NOT granted"
_CHILDREN = "SELECT * FROM runs WHERE parent_run_id = ANY($1::uuid[]) ORDER BY id"
_LIVE = "SELECT count(*) FROM runs WHERE parent_run_id = ANY($1::uuid[]) AND phase <> 'done'"
_ENDED = "SELECT count(*) FROM runs WHERE id = ANY($1::uuid[]) AND phase = 'done'"
_AT_LAST = f"SELECT count(*) FROM agent_turns WHERE run_id = ANY($1::uuid[]) AND turn = {STEPS}"
_TURNS = "SELECT * FROM agent_turns WHERE run_id = ANY($1::uuid[]) ORDER BY run_id, turn"
_USED = "SELECT sum(calls), sum(input_tokens), sum(output_tokens) FROM model_usage WHERE model = 'deaths/scripted-1'"


@dataclass
class Outside:
    """The model and the server that tools call: they keep the worker waiting once at each of their steps."""

    keeps: set[tuple[str, int]] = field(default_factory=set)
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def _keeps(self, place: str, step: int) -> bool:
        if place not in OUTSIDE or (place, step) in self.keeps:
            return False
        self.keeps.add((place, step))
        return True

    def says(self, asked: Asked) -> Turn:
        place, step = asked.texts[0], len(asked.results) // 2 + 1
        self.asked.append((place, step, asked.headers["idempotency-key"]))
        about: dict[str, Any] = {"place": place, "step": str(step)}
        calls = () if step == STEPS else (Call("look", {"query": about}), Call("order", {"body": about}))
        turn = Turn("Done, all ten of them." if step == STEPS else f"Now the step {step} of ten.", calls)
        if place in ("asked", "speaking") and self._keeps(place, step):
            return Turn(turn.text, calls, **({"hold": 3_600.0} if place == "asked" else {"falls_silent_after": 4}))
        return turn

    def looked(self, seen: Seen) -> Reply:
        place, step = seen.query["place"][0], int(seen.query["step"][0])
        held = place == "waiting" and self._keeps(place, step)
        return Reply(body=b"looked", wait=self.over if held else None)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


@pytest.fixture
async def halts(database: Any) -> Any:
    """The statements at which a run can be halted, for the time of a test."""
    await database.execute("CREATE TABLE test_halts (run_id uuid, step int, place text, key int)")
    await database.execute(_FUNCTION)
    for place, (when, which) in STATEMENTS.items():
        await database.execute(
            f"CREATE TRIGGER test_{place} BEFORE {when} FOR EACH ROW {which} EXECUTE FUNCTION test_halt('{place}')"
        )
    yield database
    await database.execute("SELECT pg_advisory_unlock_all()")
    await database.execute("DROP FUNCTION test_halt() CASCADE")
    await database.execute("DROP TABLE test_halts")


@pytest.fixture
async def roomy(mended: Stack) -> AsyncIterator[Stack]:
    """The agent-worker has connections enough, also while each run keeps one busy."""
    [worker] = [each for each in mended.instances if each.service.name == "agent-worker"]
    before = worker.environment
    worker.environment = {**before, "VAI_POOL_SIZE": str(2 * len(PLACES))}
    yield mended
    worker.environment = before
    await mended.restart_service("agent-worker")


@pytest.mark.timeout(300)
async def test_a_worker_that_is_killed_at_each_step_of_ten_asks_and_calls_nothing_twice(
    roomy: Stack, api: httpx2.AsyncClient, halts: Any, model: ModelServer, web: WebServer
) -> None:
    outside = Outside()
    model.says = outside.says
    web.replies = {"/look": outside.looked, "/order": Reply(status=201, body=b"ordered")}
    await _save_agent(api, model.url, web.url)
    await roomy.kill_service("agent-worker")
    made = {place: await create_run(api, "call_agent", {"agent": "deaths", "question": place}) for place in PLACES}
    ids = {place: UUID(run["id"]) for place, run in made.items()}
    await _halt(halts, ids, 1)
    await roomy.start_service("agent-worker")
    for turn in range(1, STEPS + 2):
        what = f"all stand in their places of round {turn}"
        await wait_for(lambda: _all_stand(halts, ids, outside, turn), 60, every=0.05, what=what)
        await roomy.kill_service("agent-worker")
        await _halt(halts, ids, turn + 1)
        await roomy.start_service("agent-worker")
    runs = [run["id"] for run in made.values()]
    await all_ended(halts, runs)
    outside.over.set()
    _assert_asked_once(outside, ids)
    await _assert_all_was_done_once(api, halts, ids, web)
    children = [str(row["id"]) for row in await halts.fetch(_CHILDREN, list(ids.values()))]
    await all_published(halts, runs + children)
    assert_told_once(await journal(halts, runs + children), runs + children)


async def _save_agent(api: httpx2.AsyncClient, model_url: str, web_url: str) -> None:
    connection = {"provider": "openai_compatible", "name": "deaths", "slug": "deaths"}
    connection |= {"config": {"base_url": f"{model_url}/v1"}, "credentials": {"api_key": KEY}}  # type: ignore[dict-item]
    look = {"kind": "http_request", "name": "look", "fixed": {"url": f"{web_url}/look"}, "maySet": ["query"]}
    order = {"kind": "http_request", "name": "order", "fixed": {"method": "POST", "url": f"{web_url}/order"}}
    agent = {"name": "deaths", "slug": "deaths", "instructions": "Look and order.", "model": "deaths/scripted-1"}
    for path, body in (
        ("connections", connection),
        ("agents", agent | {"tools": [look, order | {"maySet": ["body"]}]}),
    ):
        answer = await api.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text


def _places(turn: int) -> dict[str, str]:
    """Where which run is halted in a round. The last step calls nothing, so there the places before are left; and the
    last round is for the end, which many runs may come to in one statement.
    """
    if turn < STEPS:
        return {place: place for place in PLACES}
    last = {STEPS: None, STEPS + 1: "ending"}
    return {place: last[turn] or place for place in _WITHOUT_CALLS} if turn in last else {}


async def _halt(database: Any, ids: dict[str, UUID], turn: int) -> None:
    """Lets go of who is halted, and halts all in this round."""
    await database.execute("DELETE FROM test_halts")
    await database.execute("SELECT pg_advisory_unlock_all()")
    for place, at in _places(turn).items():
        key = PLACES.index(place)
        await database.execute(f"SELECT pg_advisory_lock({_LOCK}, {key})")
        values = (ids[place], min(turn, STEPS), at, key)
        await database.execute("INSERT INTO test_halts VALUES ($1, $2, $3, $4)", *values)


async def _all_stand(database: Any, ids: dict[str, UUID], outside: Outside, turn: int) -> bool:
    """Whether each run stands in its place, and nothing else is under way: who has no place in this round has ended,
    and at the end all have their last answer, so that no question is under way.
    """
    places = _places(turn)
    held = {PLACES[row["objid"]] for row in await database.fetch(_WAITING)}
    kept = {place for place, at in places.items() if at in OUTSIDE}
    halted = {place for place, at in places.items() if at in STATEMENTS and at != "ending"}
    ends = [ids[place] for place, at in places.items() if at == "ending"]
    without = [run_id for place, run_id in ids.items() if place not in places]
    under_way = await database.fetchval(_LIVE, list(ids.values()))
    return (
        {(place, turn) for place in kept} <= outside.keeps
        and halted <= held
        and (not ends or bool(held))
        and await database.fetchval(_AT_LAST, ends) == len(ends)
        and await database.fetchval(_ENDED, without) == len(without)
        and under_way == int("waiting" in kept)
    )


def _assert_asked_once(outside: Outside, ids: dict[str, UUID]) -> None:
    """One answer for each step; one that was on its way was asked for again, once, by the same key."""
    asked = Counter(outside.asked)
    for place, run_id in ids.items():
        again = STEPS if place in _WITHOUT_CALLS else STEPS - 1 if place in _ASKED_AGAIN else 0
        wanted = {(place, step, f"{run_id}-{step}"): 2 if step <= again else 1 for step in range(1, STEPS + 1)}
        assert {one: count for one, count in asked.items() if one[0] == place} == wanted, place


async def _assert_all_was_done_once(
    api: httpx2.AsyncClient, database: Any, ids: dict[str, UUID], web: WebServer
) -> None:
    turns = await database.fetch(_TURNS, list(ids.values()))
    assert Counter(row["run_id"] for row in turns) == dict.fromkeys(ids.values(), STEPS)
    assert tuple(await database.fetchrow(_USED)) == (answers := len(ids) * STEPS, answers * 11, answers * 7)
    children = await database.fetch(_CHILDREN, list(ids.values()))
    assert len(children) == len(ids) * 2 * (STEPS - 1)
    assert Counter((row["status"], row["retry_count"]) for row in children) == {("completed", 0): len(children)}
    looks, orders = ([seen for seen in web.seen if seen.target.startswith(f"/{one}")] for one in ("look", "order"))
    times = Counter((seen.query["place"][0], int(seen.query["step"][0])) for seen in looks)
    every = [(place, step) for place in ids for step in range(1, STEPS)]
    assert times == {one: 2 if one[0] == "waiting" else 1 for one in every}
    assert sorted(Counter(seen.body for seen in orders).values()) == [1] * len(every)
    for place, run_id in ids.items():
        run = (await api.get(f"/api/v1/action-runs/{run_id}")).json()
        assert (run["status"], run["retryCount"]) == ("completed", 0), place
        known = {"answer": "Done, all ten of them.", "steps": STEPS, "calls": 2 * (STEPS - 1), "tokens": STEPS * 18}
        assert known.items() <= run["result"].items(), place
        entries = await log_of(api, str(run_id))
        assert [entry["data"]["turn"] for entry in entries if entry["event"] == "model_answered"][-1] == STEPS
        lost = 0 if place in ("parking", "waiting") else STEPS - 1  # parked: nobody held it, so nobody lost it
        assert run["interruptCount"] >= lost, (place, run["interruptCount"])
