"""A shop with a table, of which flashboards are built; the worker's side is a table of answers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from vai_testkit.link import RecordingLink
from vai_transform_worker.asking.named_tables import unknown
from vai_transform_worker.flashboards.board_child import build
from vai_worker.children.job import Job

Json = dict[str, Any]


@pytest.fixture
def shop(workshop: Any) -> Any:
    """silver.orders has 1,500 rows. `built` gives what the worker is given to keep."""
    workshop.silver("orders", [{"id": n, "place": f"<script>{n}</script>"} for n in range(1_500)])
    workshop.built = partial(_built, workshop)
    return workshop


def _built(shop: Any, definition: Json, **answers: Callable[[Json], Json]) -> Json:
    def tables(asked: Json) -> Json:
        found = []
        for name in asked["names"]:
            if (told := shop.inputs.get(name.removeprefix("silver."))) is None:
                raise unknown(name, {})
            found.append({"name": name, "dataset": name, **told})
        return {"sources": found}

    shop.link = RecordingLink({"tables": tables, "keep": lambda told: {"version": 1}, **answers})
    prepared = {"memory_mb": 256, "spill_mb": 100, "seconds": 120.0, "today": "2026-03-10"}
    job = Job("run-1", shop.org_id, 1, 1, "create_flashboard", definition, None, None, shop.url, prepared)
    assert build(job, shop.link) == {"version": 1}
    kept: Json = shop.asked("keep")[0]
    return kept
