"""`explain_schema` in the worker: finds the tables; the child process reads them (rule 12).

Those of a connection's database the child finds by itself.
"""

from typing import Any

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_records.definitions.dataset_names import MOST_DATASETS
from vai_records.definitions.explain_schema import LONGEST_SECONDS
from vai_records.definitions.explain_schema import ExplainSchema as Definition
from vai_records.lake import lineage
from vai_records.models.choice import NoModel, choose
from vai_transform_worker.asking import meanings, named_tables
from vai_transform_worker.asking.named_tables import Table
from vai_transform_worker.asking.schema_child import nothing_there
from vai_worker.owned import Owned

_MOST_BESIDE = 50
"""Tables that are named of those before and behind one."""


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
        """Find the tables, when each was written, and what it is made of.

        Raises DATA_ERROR for a named table that does not exist.
        """
        definition = run.definition_as(Definition)
        if run.connection_id is not None:
            return self._means(definition) | {"addresses": str(run.addresses), "asks": await _asks(run, definition)}
        async with run.guarded() as conn:
            there = await named_tables.tables(conn, run.org_id)
        if not there:
            raise nothing_there()
        found = named_tables.chosen(there, definition.datasets)
        shown = found[:MOST_DATASETS]
        beside = await lineage.beside(run.pool, [each.dataset.id for each in shown])
        return self._means(definition) | {
            "sources": await named_tables.sources(run, shown),
            "about": [_about(each) | _lineage(*beside[each.dataset.id]) for each in shown],
            "left_out": [each.name for each in found[MOST_DATASETS:]],
            "asks": await _asks(run, definition),
        }

    def _means(self, definition: Definition) -> dict[str, Any]:
        seconds = definition.timeout_seconds or LONGEST_SECONDS
        return {"memory_mb": self._memory_mb, "spill_mb": self._spill_mb, "seconds": seconds}

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the tables mean. Where nobody has asked for a model, one that fails is only a warning."""
        definition = run.definition_as(Definition)
        try:
            return await meanings.asked(run, definition.model, payload["tables"], payload["joins"])
        except RunError as error:
            if definition.needs_model:
                raise
            text = f"What the tables mean is not told: {error.message}"
            await run.log("meanings_unknown", text[:500], {"code": error.code.value}, "warning")
            return {"meanings": None}


async def _asks(run: Owned, definition: Definition) -> bool:
    """Whether a model is asked. Raises DATA_ERROR where one is wanted and there is none."""
    if definition.meanings is False:
        return False
    try:
        await choose(run.pool, run.org_id, definition.model)
    except NoModel as error:
        if definition.needs_model:
            raise Permanent(ErrorCode.DATA_ERROR, f"{error}.", {"field": "model"}) from error
        return False
    return True


def _lineage(made_of: list[str], read_by: list[str]) -> dict[str, Any]:
    return {"made_of": made_of[:_MOST_BESIDE], "read_by": read_by[:_MOST_BESIDE]}


def _about(table: Table) -> dict[str, Any]:
    """The facts about a table that are known without reading it."""
    age = (now() - table.updated_at).total_seconds()
    return {
        "dataset": table.name,
        "layer": table.dataset.layer,
        "updated_at": table.updated_at.isoformat(),
        "age_seconds": round(max(age, 0.0), 1),
    }
