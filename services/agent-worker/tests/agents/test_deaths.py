"""A worker dies at each statement of a ten-step agent's run, before it and after its commit; others go on."""

from uuid import UUID

import asyncpg

from vai_testkit.agents import AgentHouse
from vai_testkit.faulty_pool import COMMIT, Fault, FaultyPool
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import ModelServer
from vai_worker.kind import Park

STEPS = 10
TOOL = {"kind": "http_request", "name": "look", "fixed": {"url": "https://api.example.com/n"}, "maySet": ["query"]}


def _says(asked: Asked) -> Turn:
    """Two calls side by side in each step, then the end; the same to the same conversation, whoever asks."""
    step = len(asked.results) // 2 + 1
    if step == STEPS:
        return Turn("Done.")
    return Turn(calls=tuple(Call("look", {"query": {"step": step, "of": of}}, f"c{step}{of}") for of in "ab"))


async def test_whatever_a_worker_dies_at_nothing_is_asked_or_done_twice(house: AgentHouse, model: ModelServer) -> None:
    await house.save(tools=[TOOL])
    model.says = _says
    run_id = await house.ask()
    deaths, reached = 0, set[str]()
    place, how, before = 1, Fault.CUT, (-1, -1)
    while await house.database.where(run_id) != "completed/done":
        stands = (len(await house.turns(run_id)), len(await house.children(run_id)))
        if stands != before:
            place, how, before = 1, Fault.CUT, stands
        dying = _Dying(FaultyPool(house.pool), place, how)
        asked = len(model.asked)
        try:
            came = await house.turn(run_id, dying.pool)
        except asyncpg.ConnectionDoesNotExistError:
            deaths += 1
            reached.add(f"{dying.died_at} {how.name}")
            place, how = (place, Fault.LOST) if how is Fault.CUT else (place + 1, Fault.CUT)
            await _recovered(house, run_id)
        else:
            if isinstance(came, Park):
                await house.end_children(run_id, {"n": 1})
        numbers = [int(one.headers["idempotency-key"].rpartition("-")[2]) for one in model.asked[asked:]]
        assert all(number > stands[0] for number in numbers), "a written answer was asked for again"
    turns, children = await house.turns(run_id), await house.children(run_id)
    assert [turn.turn for turn in turns] == list(range(1, STEPS + 1))
    steps = [(row["definition"]["query"]["step"], row["definition"]["query"]["of"]) for row in children]
    assert sorted(steps) == [(step, of) for step in range(1, STEPS) for of in "ab"]
    assert {row["status"] for row in children} == {"completed"}
    said = [str(run["run_id"]) for turn in turns for run in turn.calls or []]
    assert sorted(said) == sorted(str(row["id"]) for row in children)
    assert deaths > 10 * STEPS, f"{deaths} deaths"
    for words in ("INSERT INTO agent_turns", "INSERT INTO runs", "SET calls", "SET results", COMMIT):
        assert {f"{words} CUT", f"{words} LOST"} <= reached, reached


async def _recovered(house: AgentHouse, run_id: UUID) -> None:
    """As the watchdog queues a run whose worker is dead."""
    if await house.database.where(run_id) == "running/leased":
        await house.database.change(run_id, "phase = 'queued', lease_owner = NULL, due_at = NULL, recovered = true")


class _Dying:
    """A worker's pool that is cut at its statement of this place."""

    def __init__(self, pool: FaultyPool, place: int, how: Fault) -> None:
        self.pool, self.died_at = pool, ""
        self._left, self._how = place, how
        pool.hit = self._hit

    def _hit(self, text: str, values: object) -> Fault | None:
        self._left -= 1
        if self._left:
            return None
        words = ("INSERT INTO agent_turns", "INSERT INTO runs", "SET calls", "SET results")
        self.died_at = next((one for one in words if one in text), text if text == COMMIT else "another")
        return self._how
