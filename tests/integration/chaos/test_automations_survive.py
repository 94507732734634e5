"""Schedulers and the broker die during many automation runs: none is lost, and nothing is done twice (issue 5)."""

import asyncio
import os
import random
import signal
from collections import Counter
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.integration.automations import Json, saved, step, told, triggered
from tests.integration.chaos.test_lost_servers import BROKERS
from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.apart

SEED = int(os.environ.get("VAI_TEST_SEED", "20261128"))
RUNS = 200
KILLS = 8

_LEFT = "SELECT count(*) FROM automation_runs WHERE id = ANY($1::uuid[]) AND status = 'running'"
_STEPS = "SELECT * FROM automation_steps WHERE automation_run_id = ANY($1::uuid[])"
_MADE = "SELECT idempotency_key, count(*) FROM runs WHERE trigger_source_id = ANY($1::text[]) GROUP BY 1"


def _shape(dice: random.Random) -> tuple[list[Json], int]:
    """A random graph of steps that all succeed; each waits for some of those before it."""
    keys = [f"s{number}" for number in range(dice.randint(2, 8))]
    steps = [step(key, *dice.sample(keys[:place], min(place, dice.randint(0, 2)))) for place, key in enumerate(keys)]
    return steps, dice.randint(1, 4)


async def _kill(stack: Stack, turn: int) -> None:
    """kill -9 of the schedulers in turn, and each third time of the broker, which comes back empty."""
    schedulers = [each for each in stack.instances if each.service.name == "scheduler"]
    victim = schedulers[turn % len(schedulers)]
    await victim.kill(signal.SIGKILL)
    if turn % 3 == 2:
        await stack.kill_broker()
        await stack.restart_broker(empty=True)
    await stack.start_service("scheduler", victim.index)


@pytest.mark.timeout(400)  # Apache Kafka takes its time to start
@pytest.mark.parametrize("broker", BROKERS)
async def test_two_hundred_automation_runs_survive_their_schedulers_and_the_broker(
    mended: Stack, api: httpx2.AsyncClient, database: Any, broker: str
) -> None:
    assert mended.broker.kind == broker
    dice = random.Random(SEED)
    shapes = [_shape(dice) for _ in range(10)]
    automations = [await saved(api, *steps, max_parallel=most) for steps, most in shapes]
    chosen = [dice.randrange(len(automations)) for _ in range(RUNS)]
    made: list[Json] = []
    for turn in range(KILLS):
        # All that was made a moment ago is under way when somebody dies.
        these = chosen[turn * RUNS // KILLS : (turn + 1) * RUNS // KILLS]
        made += await asyncio.gather(*(triggered(api, automations[which]) for which in these))
        await _kill(mended, turn)
    ids = [UUID(run["runId"]) for run in made]
    await wait_for(lambda: database.fetchval(f"SELECT ({_LEFT}) = 0", ids), 60, every=0.1, what="all have ended")

    events = await told(database, [run["runId"] for run in made])
    assert set(map(tuple, events.values())) == {("automation.started", "automation.completed")}
    steps = await database.fetch(_STEPS, ids)
    assert len(steps) == sum(len(shapes[which][0]) for which in chosen)
    assert Counter(row["state"] for row in steps) == {"completed": len(steps)}
    assert len({row["run_id"] for row in steps}) == len(steps)
    runs = await database.fetch(_MADE, [str(run_id) for run_id in ids])
    assert (len(runs), {row["count"] for row in runs}) == (len(steps), {1})
    _assert_in_order(steps, dict(zip(ids, chosen, strict=True)), [steps for steps, _ in shapes])


def _assert_in_order(rows: list[Any], shape_of: dict[UUID, int], shapes: list[list[Json]]) -> None:
    """No step began before those that it waits for had ended."""
    times = {(row["automation_run_id"], row["key"]): (row["started_at"], row["completed_at"]) for row in rows}
    for run_id, which in shape_of.items():
        for one in shapes[which]:
            for before in one["depends_on"]:
                assert times[run_id, before][1] <= times[run_id, one["key"]][0]
