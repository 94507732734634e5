"""Create, claim and finish are one span for their batch, however many runs are in it (rule 18)."""

from vai_common.ids import uuid7
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_testkit.database import Database, new_run
from vai_testkit.traces import collected


async def test_a_statement_for_many_runs_is_one_span(database: Database) -> None:
    gateway, worker = await database.pool("api-gateway"), await database.pool("extract-worker")
    runs, owner = [new_run(kind="dlt_extract") for _ in range(4)], uuid7()
    ids = [run.id for run in runs]
    with collected() as spans:
        await statements.create(gateway, runs)
        claimed = await statements.claim(worker, owner, ["dlt_extract"], ids, 9, "w")
        endings = [
            Ending(row["id"], row["epoch"], "completed", {}, None, None, Entry("run_completed", "It ended", {}), {})
            for row in claimed
        ]
        ended = await statements.finish(worker, endings, owner, "w")
        found = {name: dict(spans.only(name).attributes or {}) for name in ("create runs", "claim runs", "finish runs")}
    assert len(claimed) == len(ended) == 4
    said = {"db.system.name": "postgresql", "db.operation.batch.size": 4}
    assert found == {"create runs": said, "claim runs": said, "finish runs": said}
