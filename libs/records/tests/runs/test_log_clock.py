"""A database whose clock is set back between the making of a run and its first entries hides none of them."""

from datetime import timedelta

import pytest

from vai_records.runs import logs
from vai_testkit.database import Database


@pytest.mark.parametrize("seconds", [0, 1, 30, 59])
async def test_entries_that_seem_older_than_their_run_are_shown(database: Database, seconds: int) -> None:
    run_id = await database.put("running", "leased")
    owner = await database.owner()
    await owner.execute(
        """INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, data, worker_id, attempt)
        VALUES ($1, 1, clock_timestamp(), 'info', 'a', 'b', '{}', 'w', 1)""",
        run_id,
    )
    await database.change(
        run_id, "created_at = clock_timestamp() + $2::interval, log_seq = 1", timedelta(seconds=seconds)
    )
    run = await database.run(run_id)
    assert [row["seq"] for row in await logs.page(owner, run, 0, 10)] == [1]
    assert [row["seq"] for row in await logs.news(owner, [(run_id, 0, run["created_at"])], 10)] == [1]
