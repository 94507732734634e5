"""A check of the model at a second point: another mix at another load, predicted from the constants, then measured and
compared.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from bench.capacity import works
from bench.capacity.costs import Constants, Cost, cpu, indexed, part, total
from bench.capacity.meter import Meter
from bench.capacity.model import priced

SECONDS = 30.0
STEPS = 5
ROWS = works.MIXED_ROWS[0]

MIX: Mapping[str, int] = {
    "light run": 300,
    "sync run": 120,
    "http request": 90,
    "extraction": 8,
    "transform": 4,
    "automation run": 9,
}
"""How many of each, spread evenly over the time: none comes in a crowd, as it did when the constants were measured."""


def counts(transformed_rows: int) -> Mapping[str, float]:
    """The mix in terms of what is known: rows apart from runs, steps apart from automation runs and their runs."""
    chains = MIX["automation run"]
    return {
        **MIX,
        "light run": MIX["light run"] + chains * STEPS,
        "step": chains * STEPS,
        "extracted row": MIX["extraction"] * ROWS,
        "transformed row": MIX["transform"] * transformed_rows,
    }


def foresee(known: Constants, mix: Mapping[str, float], idle: Cost, cores: int) -> tuple[Cost, float]:
    """What the mix should cost, and how full the machine should be meanwhile.

    How full it is says how large batches are, and they say what a run costs: so it is asked several times.
    """
    share = 0.0
    cost: Cost = {}
    for _ in range(4):
        prices = priced(known, share)
        cost = total((count, prices[work]) for work, count in mix.items())
        share = min(1.0, (cpu(cost) / SECONDS + cpu(idle)) / cores)
    return cost, share


async def measure(meter: Meter, url: str, known: Constants, transformed_rows: int) -> Mapping[str, Any]:
    """Does the mix; answers what was foreseen, what was measured, and the difference for each of them."""
    stack = meter.stack
    chain = await works.save_chain(stack, STEPS)
    post = partial(works.post, stack, count=1, clients=1)
    doing: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "light run": partial(post, works.NOOP),
        "sync run": partial(post, works.BRANCH, wait=True),
        "http request": partial(post, works.request(url), wait=True),
        "extraction": partial(post, works.extraction(url, ROWS), wait=True),
        "transform": partial(post, works.transform("bronze.disk.few"), wait=True),
        "automation run": partial(works.trigger, stack, chain, 1, 1),
    }

    async def mixed() -> None:
        await asyncio.gather(*(_paced(doing[name], count) for name, count in MIX.items()))

    for warm in ("extraction", "transform"):  # the server that their children are forked from may have gone meanwhile
        await doing[warm]()
    measured = indexed(await meter.cost(mixed, 1), known.made["index bytes"])
    cost, share = foresee(known, counts(transformed_rows), meter.idle, os.cpu_count() or 1)
    return {
        "mix": {**MIX, "steps of an automation run": STEPS, "rows of an extraction": ROWS},
        "seconds": SECONDS,
        "share": share,
        "foreseen": _shown(cost),
        "measured": _shown(measured),
    }


def _shown(cost: Cost) -> Mapping[str, float]:
    """The parts of a cost that are compared: CPU by process and in all, WAL, disk, Kafka, lake."""
    disk = sum(part(cost, "disk").values())
    small = {name: value for name, value in cost.items() if name.startswith("cpu ")}
    return {**small, "cpu": cpu(cost), **{name: cost[name] for name in ("wal", "kafka", "lake")}, "disk": disk}


async def _paced(do: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    """So many, evenly over the time; one that is slow does not keep the next from beginning."""
    begun = []
    for _ in range(count):
        begun.append(asyncio.ensure_future(do()))
        await asyncio.sleep(SECONDS / count)
    await asyncio.gather(*begun)
