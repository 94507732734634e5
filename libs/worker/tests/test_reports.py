"""What runs say is written once and in order, and waits while the database is away (rule 10)."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from vai_common import batcher as batcher_module
from vai_records.runs import statements
from vai_testkit.database import Database
from vai_worker.metrics import log_entries_dropped
from vai_worker.reports import Reports, RunLog

AWAY = [ConnectionResetError("cut"), asyncpg.CannotConnectNowError("starting"), asyncpg.DeadlockDetectedError("x")]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher_module, "AGAIN_SECONDS", 0.001)


class Diary:
    """One run's log, and a database that fails as a test says: before it writes, or after."""

    def __init__(self, database: Database, pool: Any, run_id: UUID, reports: Reports) -> None:
        self.database, self.pool, self.run_id, self.reports = database, pool, run_id, reports
        self.log = RunLog(run_id, 1)

    @classmethod
    async def opened(cls, database: Database, most_waiting: int = 10_000) -> "Diary":
        pool = await database.pool("extract-worker")
        run_id = await database.put("running", "leased")
        return cls(database, pool, run_id, Reports(pool, "w", most_waiting))

    def write(self, *events: str, **data: Any) -> None:
        for event in events:
            self.log.add(self.reports, event, "m", data, "info")

    async def events(self) -> list[str]:
        await asyncio.wait_for(self.log.flushed(self.reports), 10)
        found = await self.database.log(self.run_id)
        assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
        return [row["event"] for row in found]


def _failing(monkeypatch: pytest.MonkeyPatch, errors: list[Exception], before: bool) -> None:
    """The next writes raise these; `before`: nothing is written then, else it is, and only the answer is lost."""
    write: Callable[..., Any] = statements.log

    async def log(*arguments: Any) -> None:
        if not errors or not before:
            await write(*arguments)
        if errors:
            raise errors.pop(0)

    monkeypatch.setattr(statements, "log", log)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("error", AWAY, ids=repr)
async def test_entries_neither_double_nor_vanish_while_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception, before: bool
) -> None:
    diary = await Diary.opened(database)
    diary.write("0")
    _failing(monkeypatch, [error] * 7, before)
    names = [str(number) for number in range(1, 30)]
    for name in names:
        diary.write(name)
        await asyncio.sleep(0)
    assert await diary.events() == ["0", *names]


async def test_what_finds_no_room_is_counted_and_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    diary = await Diary.opened(database, most_waiting=5)
    counted = log_entries_dropped._value.get()
    diary.write(*map(str, range(9)))
    await diary.log.flushed(diary.reports)
    diary.write("last")
    assert await diary.events() == ["0", "1", "2", "3", "4", "log_entries_dropped", "last"]
    assert log_entries_dropped._value.get() == counted + 4
    assert (await database.log(diary.run_id))[5]["data"] == {"entries": 4}


async def test_an_entry_that_cannot_be_stored_costs_only_itself_and_is_said(database: Database) -> None:
    diary = await Diary.opened(database)
    diary.write("a")
    diary.write("bad", data={1, 2})
    diary.write("b")
    assert await diary.events() == ["a", "b", "log_entries_dropped"]


@pytest.mark.parametrize("text", ["a\x00b", "lone \ud800 half", "\udfff"])
async def test_any_text_can_be_a_message(database: Database, text: str) -> None:
    diary = await Diary.opened(database)
    diary.log.add(diary.reports, "a", text, {}, "info")
    assert await diary.events() == ["a"]


async def test_progress_that_cannot_be_stored_stops_nobody_elses(database: Database) -> None:
    one, two = await Diary.opened(database), await Diary.opened(database)
    one.reports.progress(one.run_id, 1, {"bad": {1}})
    one.reports.progress(two.run_id, 1, {"done": 2})
    await one.reports.write_progress_once()
    assert (await database.run(two.run_id))["progress"] == {"done": 2}


async def test_progress_is_kept_while_the_database_is_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    diary = await Diary.opened(database)
    write = statements.progress

    async def away(*arguments: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(statements, "progress", away)
    diary.reports.progress(diary.run_id, 1, {"done": 1})
    with pytest.raises(ConnectionResetError):
        await diary.reports.write_progress_once()
    monkeypatch.setattr(statements, "progress", write)
    await diary.reports.write_progress_once()
    assert (await database.run(diary.run_id))["progress"] == {"done": 1}
