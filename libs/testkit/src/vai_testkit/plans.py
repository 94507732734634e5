"""How Postgres reads the table of runs for a statement."""

import re
from types import ModuleType
from typing import Any

from vai_testkit.database import Database

_ENDED = 5_000
_FILL = """
INSERT INTO runs SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).*
FROM runs r, generate_series(1, $2::int) WHERE r.id = $1
"""
_PARTIAL = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE indrelid = 'runs'::regclass AND pg_relation_size(indexrelid) < pg_relation_size('runs_pkey') / 4
"""
_INDEX = re.compile(r"Index (?:Only )?Scan (?:Backward )?(?:using|on) (\w+)")


async def reads_of_ended_runs(database: Database, *modules: ModuleType) -> dict[str, list[str]]:
    """By which lines of their plans the looks of modules may read runs that have ended, beside 5,000 of them.

    Those are scans of the whole table and of indexes that hold every run. A look by a run's id is none.
    """
    owner = await database.owner()
    await owner.execute(_FILL, await database.put("completed", "done"), _ENDED)
    await owner.execute("ANALYZE runs")
    of_some = [row[0] for row in await owner.fetch(_PARTIAL)]
    async with owner.acquire() as conn:
        await conn.execute("SET plan_cache_mode = force_generic_plan")
        plans = {name: await _plan(conn, look) for module in modules for name, look in _looks(module).items()}
    assert plans
    found = {name: [line for line in pairs if _reads_all(line, of_some)] for name, pairs in plans.items()}
    return {name: lines for name, lines in found.items() if lines}


def _looks(module: ModuleType) -> dict[str, str]:
    texts = {name: value for name, value in vars(module).items() if isinstance(value, str) and " FROM runs" in value}
    return {
        name: text
        for name, text in texts.items()
        if text.lstrip().startswith(("SELECT", "WITH")) and " {} " not in text
    }


async def _plan(conn: Any, look: str) -> list[str]:
    """Each line of the plan with the line after it, which says by what an index is searched."""
    given = ", ".join("NULL" for _ in set(re.findall(r"\$\d+", look)))
    await conn.execute(f"PREPARE look AS {look}")
    rows = await conn.fetch(f"EXPLAIN EXECUTE look{f'({given})' if given else ''}")
    await conn.execute("DEALLOCATE look")
    lines = [row[0].strip() for row in rows]
    return [f"{line} {after}" for line, after in zip(lines, [*lines[1:], ""], strict=True)]


def _reads_all(line: str, of_some: list[str]) -> bool:
    if "Seq Scan on runs" in line:
        return True
    index = _INDEX.search(line)
    return index is not None and index[1].startswith("runs_") and index[1] not in of_some and "Cond: (id = " not in line
