"""Log entries: dense sequences under the run's row lock, and nothing from those who no longer hold it."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.lifecycle.entry import Entry
from vai_records.runs import logs, statements
from vai_testkit.database import Database


async def _log(conn: Any, *entries: tuple[UUID, int, str], worker: str = "w1") -> None:
    await statements.log(conn, [(run, epoch, Entry(text, text, {"n": 1})) for run, epoch, text in entries], worker)


async def _events(database: Database, run_id: UUID) -> list[tuple[int, str]]:
    return [(row["seq"], row["event"]) for row in await database.log(run_id)]


async def test_a_batch_keeps_the_order_of_each_run(database: Database) -> None:
    one, two = await database.put("running", "leased"), await database.put("running", "leased", retry_count=2)
    pool = await database.pool("extract-worker")
    await _log(pool, (one, 1, "a"), (two, 1, "x"), (one, 1, "b"), (two, 1, "y"), (one, 1, "c"))
    await _log(pool, (one, 1, "d"))
    assert await _events(database, one) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert await _events(database, two) == [(1, "x"), (2, "y")]
    assert {row["attempt"] for row in await database.log(two)} == {3}
    assert (await database.run(one))["log_seq"] == 4


@pytest.mark.parametrize("epoch", [0, 2])
async def test_an_entry_of_another_epoch_is_left_out(database: Database, epoch: int) -> None:
    mine, lost = await database.put("running", "leased"), await database.put("running", "leased")
    await _log(await database.pool("extract-worker"), (lost, epoch, "late"), (mine, 1, "a"))
    assert await _events(database, lost) == []
    assert await _events(database, mine) == [(1, "a")]


@pytest.mark.parametrize("place", ["running/queued", "running/paused", "completed/done"])
async def test_a_run_that_nobody_holds_takes_no_entries(database: Database, place: str) -> None:
    run_id = await database.put(*place.split("/"), epoch=1)
    await _log(await database.pool("extract-worker"), (run_id, 1, "late"))
    assert await _events(database, run_id) == []


async def test_sequences_stay_dense_when_many_write_at_once(database: Database) -> None:
    runs = [await database.put("running", "leased") for _ in range(6)]
    pool = await database.pool("extract-worker")
    rng = random.Random(5)

    async def writer(name: str) -> None:
        for batch in range(25):
            chosen = rng.sample(runs, 4)
            await _log(pool, *((run, 1, f"{name} {batch} {place}") for run in chosen for place in range(3)))

    await asyncio.gather(*(writer(name) for name in ("a", "b", "c")))

    for run in runs:
        found = await _events(database, run)
        assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
        for name in ("a", "b", "c"):
            mine = [tuple(map(int, text.split()[1:])) for _, text in found if text.startswith(name)]
            assert mine == sorted(mine)


async def test_progress_is_replaced_only_by_who_holds_the_run(database: Database) -> None:
    mine, lost = await database.put("running", "leased"), await database.put("running", "leased", epoch=4)
    pool = await database.pool("extract-worker")
    await statements.progress(pool, [(lost, 3, {"stale": True}), (mine, 1, {"schema_version": 2})])
    assert (await database.run(mine))["progress"] == {"schema_version": 2}
    assert (await database.run(lost))["progress"] is None


async def test_a_page_goes_on_after_its_cursor(database: Database) -> None:
    run_id = await database.put("running", "leased")
    pool = await database.pool("extract-worker")
    await _log(pool, *((run_id, 1, f"e{number}") for number in range(1, 8)))
    run = await database.run(run_id)

    first = await logs.page(pool, run, 0, 3)
    cursor = logs.as_json(run_id, first[-1])["id"]
    rest = await logs.page(pool, run, logs.sequence_of(run_id, cursor), 10)
    assert [row["event"] for row in first + rest] == [f"e{number}" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("level", "levels"),
    [
        (None, ["info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
async def test_a_level_is_the_least_that_is_shown(database: Database, level: str | None, levels: list[str]) -> None:
    run_id = await database.put("running", "leased")
    pool = await database.pool("extract-worker")
    await statements.log(pool, [(run_id, 1, Entry(each, "m", {}, each)) for each in logs.LEVELS], "w")
    found = await logs.page(pool, await database.run(run_id), 0, 10, level)
    assert [row["level"] for row in found] == levels


def test_a_cursor_names_its_run() -> None:
    run_id = uuid7()
    assert logs.sequence_of(run_id, None) == 0
    assert logs.sequence_of(run_id, f"{run_id}-17") == 17


@pytest.mark.parametrize(
    "cursor",
    ["", "17", "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10-1", "{run}-", "{run}--1", "{run}-1.0", "{run}-9999999999"],
)
def test_what_is_no_id_of_this_runs_log_is_no_cursor(cursor: str) -> None:
    run_id = uuid7()
    with pytest.raises(logs.BadCursor):
        logs.sequence_of(run_id, cursor.format(run=run_id))


def test_an_entry_is_shown_in_camel_case_with_its_id() -> None:
    run_id = uuid7()
    names = ("seq", "occurred_at", "level", "event", "message", "data", "worker_id", "attempt")
    shown = logs.as_json(run_id, dict(zip(names, (3, None, "info", "e", "m", {"rows": 1}, "w", 1), strict=True)))
    assert shown["id"] == f"{run_id}-3"
    assert set(shown) == {"attempt", "data", "event", "id", "level", "message", "occurredAt", "workerId"}


@pytest.mark.parametrize("text", ["\x00", "a\x00b", '{"a": "\\u0000"}'])
async def test_what_postgres_cannot_store_is_replaced_and_spoils_nothing(database: Database, text: str) -> None:
    run_id = await database.put("running", "leased")
    pool = await database.pool("extract-worker")
    await statements.log(
        pool, [(run_id, 1, Entry("e", text, {"text": text, text: 1})), (run_id, 1, Entry("f", "m", {}))], "w"
    )
    first, second = await database.log(run_id)
    assert first["message"] == text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    assert first["data"]["text"] == first["message"]
    assert second["seq"] == 2


# Entries that are sent again


def _numbered(run_id: UUID, epoch: int, *numbers: int) -> list[tuple[UUID, int, Entry]]:
    return [(run_id, epoch, Entry(f"{epoch}.{number}", "m", {}, number=number)) for number in numbers]


async def test_a_numbered_entry_is_written_once_however_often_it_is_sent(database: Database) -> None:
    run_id, pool = await database.put("running", "leased"), await database.pool("extract-worker")
    for numbers in ((1, 2), (1, 2), (2, 3), (1,), (3, 4)):
        await statements.log(pool, _numbered(run_id, 1, *numbers), "w")
    assert await _events(database, run_id) == [(1, "1.1"), (2, "1.2"), (3, "1.3"), (4, "1.4")]


async def test_a_new_owner_counts_anew_and_the_old_one_writes_nothing(database: Database) -> None:
    run_id, pool = await database.put("running", "leased"), await database.pool("extract-worker")
    await statements.log(pool, _numbered(run_id, 1, 1, 2, 3), "w")
    await database.change(run_id, "epoch = 2")
    await statements.log(pool, [*_numbered(run_id, 1, 4), *_numbered(run_id, 2, 1)], "w")
    await statements.log(pool, [*_numbered(run_id, 2, 1, 2), *_numbered(run_id, 1, 5)], "w")
    assert [event for _, event in await _events(database, run_id)] == ["1.1", "1.2", "1.3", "2.1", "2.2"]
    assert (await database.run(run_id))["log_seq"] == 5


async def test_numbered_entries_stay_dense_however_batches_are_cut_and_repeated(database: Database) -> None:
    rng, pool = random.Random(11), await database.pool("extract-worker")
    runs = [await database.put("running", "leased") for _ in range(4)]
    queue = [(run_id, number) for number in range(1, 26) for run_id in runs]
    while queue:
        batch = queue[: rng.randint(1, 9)]
        for _ in range(rng.randint(1, 3)):
            entries = [entry for run_id, number in batch for entry in _numbered(run_id, 1, number)]
            await statements.log(pool, [*entries, (runs[0], 1, Entry("plain", "m", {}))], "w")
        queue = queue[len(batch) :]
    for run_id in runs:
        written = await _events(database, run_id)
        assert [seq for seq, _ in written] == list(range(1, len(written) + 1))
        assert [event for _, event in written if event != "plain"] == [f"1.{number}" for number in range(1, 26)]
