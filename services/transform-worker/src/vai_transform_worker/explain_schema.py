"""`explain_schema` in the worker: finds the tables; the child process reads them (rule 12)."""

from typing import Any

from vai_common.clock import now
from vai_records.definitions.dataset_names import MOST_DATASETS
from vai_records.definitions.explain_schema import LONGEST_SECONDS
from vai_records.definitions.explain_schema import ExplainSchema as Definition
from vai_transform_worker.asking import named_tables
from vai_transform_worker.asking.named_tables import Table
from vai_transform_worker.asking.schema_child import nothing_there
from vai_worker.owned import Owned


class ExplainSchema:
    """The kind, which runs in a child process. `child_memory_mb` is what a child may use; DuckDB gets half of it."""

    name = "explain_schema"
    reads = Definition
    entry = "vai_transform_worker.asking.schema_child:explain"
    pauses_after: str | None = None  # it writes nothing

    def __init__(self, child_memory_mb: int = 2048, spill_mb: int = 10_240) -> None:
        self._memory_mb = max(128, child_memory_mb // 2)
        self._spill_mb = spill_mb

    async def prepare(self, run: Owned) -> dict[str, Any]:
        """Find the tables, and when each was written. Raises DATA_ERROR for a named table that does not exist."""
        definition = run.definition_as(Definition)
        async with run.guarded() as conn:
            there = await named_tables.tables(conn, run.org_id)
        if not there:
            raise nothing_there()
        found = named_tables.chosen(there, definition.datasets)
        return {
            "memory_mb": self._memory_mb,
            "spill_mb": self._spill_mb,
            "seconds": definition.timeout_seconds or LONGEST_SECONDS,
            "sources": await named_tables.sources(run, found[:MOST_DATASETS]),
            "about": [_about(each) for each in found[:MOST_DATASETS]],
            "left_out": [each.name for each in found[MOST_DATASETS:]],
        }

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        raise LookupError(f"explain_schema asks nothing: {question}")


def _about(table: Table) -> dict[str, Any]:
    """The facts about a table that are known without reading it."""
    age = (now() - table.updated_at).total_seconds()
    return {
        "dataset": table.name,
        "layer": table.dataset.layer,
        "updated_at": table.updated_at.isoformat(),
        "age_seconds": round(max(age, 0.0), 1),
    }
