"""`generate_query` in the worker: gives the child its tables and, for a question, the query of a model (rule 12)."""

from typing import Any

from vai_records.definitions.generate_query import LONGEST_SECONDS
from vai_records.definitions.generate_query import GenerateQuery as Definition
from vai_transform_worker.asking import named_tables
from vai_transform_worker.asking.named_tables import Table
from vai_transform_worker.asking.writing import Asked, written
from vai_worker.owned import Owned


class GenerateQuery:
    """The kind, which runs in a child process. `child_memory_mb` is what a child may use; DuckDB gets half of it."""

    name = "generate_query"
    reads = Definition
    entry = "vai_transform_worker.asking.query_child:query"
    pauses_after: str | None = None  # it writes nothing

    def __init__(self, child_memory_mb: int = 2048, spill_mb: int = 10_240) -> None:
        self._memory_mb = max(128, child_memory_mb // 2)
        self._spill_mb = spill_mb

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """Raises DATA_ERROR for a named table that does not exist."""
        await _allowed(run)
        seconds = run.definition_as(Definition).timeout_seconds or LONGEST_SECONDS
        return {"memory_mb": self._memory_mb, "spill_mb": self._spill_mb, "seconds": seconds}

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        there = await _allowed(run)
        if question == "tables":
            found = named_tables.chosen(there, payload["names"]) if payload["names"] else []
            return {"sources": await named_tables.sources(run, found)}
        definition = run.definition_as(Definition)
        asked = Asked(definition.question or "", definition.model)
        return await written(run, there, asked, payload["tried"])


async def _allowed(run: Owned) -> dict[str, Table]:
    """The tables that the run may read, by their names in lower case."""
    async with run.guarded() as conn:
        there = await named_tables.tables(conn, run.org_id)
    names = run.definition_as(Definition).datasets
    return {each.name.lower(): each for each in named_tables.chosen(there, names)} if names else there
