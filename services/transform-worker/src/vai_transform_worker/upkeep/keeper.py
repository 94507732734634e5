"""Looks after the tables of the lake, one at a time: takes a turn, has a process do the work, says what was done."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

from vai_common.clock import now, steady_seconds
from vai_common.ids import uuid7
from vai_common.queries import Pool
from vai_records.lake import upkeep
from vai_records.lake.upkeep import SmallFile, Together, Turn
from vai_transform_worker import metrics
from vai_transform_worker.upkeep.bronze import FEWEST
from vai_worker.children.forking import environment_of_children
from vai_worker.lake.storage import open_lake

_log = structlog.get_logger()

_MOST_SECONDS = 1_800.0
_RENEW_SECONDS = upkeep.LEASE_SECONDS / 3

Json = dict[str, Any]


class NotDone(Exception):
    """The process did not come to its end; the message says how it ended."""


class Keeper:
    """`work_once` looks after every table that is due; any number of keepers may do so at once."""

    def __init__(self, pool: Pool, lake_url: str) -> None:
        self._pool, self._lake_url = pool, lake_url
        self._id = uuid7()

    async def work_once(self) -> None:
        while await self.turn_once():
            pass

    async def turn_once(self) -> bool:
        """Look after one table; whether one was due. What fails is said, and tried again in an hour."""
        turn = await upkeep.take(self._pool, self._id)
        if turn is None:
            return False
        began = steady_seconds()
        try:
            done = await self._looked_after(turn)
        except asyncio.CancelledError:
            await upkeep.release(self._pool, turn, self._id)
            raise
        except Exception as error:
            done = {"error": f"{type(error).__name__}: {error}"[:1_000]}
        done |= {"at": now().isoformat(), "seconds": round(steady_seconds() - began, 3)}
        await upkeep.finish(self._pool, turn, self._id, done)
        self._tell(turn, done)
        return True

    def _tell(self, turn: Turn, done: Json) -> None:
        metrics.upkeep_turns.labels(turn.layer, "failed" if "error" in done else "done").inc()
        metrics.upkeep_compacted_files.labels(turn.layer).inc(done.get("compacted", 0))
        metrics.upkeep_removed_files.labels(turn.layer).inc(done.get("removed", 0))
        told = {"table": turn.table, "org_id": str(turn.org_id), **done}
        if "error" in done:
            _log.warning("table_upkeep_failed", **told)
        elif done["compacted"] or done.get("removed"):
            _log.info("table_upkeep", **told)

    async def _looked_after(self, turn: Turn) -> Json:
        if turn.layer == "bronze":
            return await self._bronze(turn)
        compacted: Json = {}
        if turn.rule.compact:
            compacted = await self._ordered(turn, {"what": "compact", "location": turn.location})
            await self._note(turn, compacted)
        old = await self._ordered(
            turn, {"what": "remove_old", "location": turn.location, "keep_hours": turn.rule.keep_hours}
        )
        await self._note(turn, old)
        found: Json = {"compacted": 0, "into": 0, "removed": 0} | compacted | old
        found.pop("version", None)
        return found

    async def _note(self, turn: Turn, done: Json) -> None:
        """Before old files go: nobody may be told to read by a version that loses them next."""
        if "version" in done:
            await upkeep.note_version(self._pool, turn, done["version"])

    async def _bronze(self, turn: Turn) -> Json:
        files = {each.path: each for each in await self._small(turn)}
        groups: dict[tuple[UUID | None, str], list[Json]] = defaultdict(list)
        for each in files.values():
            told = {"path": each.path, "rows": each.row_count, "bytes": each.byte_count}
            groups[each.connection_id, each.resource].append(told)
        worth = [group for group in groups.values() if len(group) >= FEWEST]
        made = await self._ordered(turn, {"what": "together", "groups": worth}) if worth else []
        done = {"compacted": 0, "into": 0}
        for each in made:
            file = Together(each["path"], [files[path] for path in each["of"]], each["bytes"])
            if await self._shown(turn, file):
                done = {"compacted": done["compacted"] + len(file.of), "into": done["into"] + 1}
        return done

    async def _small(self, turn: Turn) -> list[SmallFile]:
        return await upkeep.small_files(self._pool, turn) if turn.rule.compact else []

    async def _shown(self, turn: Turn, file: Together) -> bool:
        """Whether readers see the new file; one that nobody will see is deleted, or collected after a day."""
        try:
            async with self._pool.acquire() as conn, conn.transaction():
                await upkeep.put_together(conn, turn, self._id, file)
        except upkeep.Overtaken:
            await asyncio.to_thread(open_lake(self._lake_url).delete, [file.path])
            return False
        return True

    async def _ordered(self, turn: Turn, order: Json) -> Any:
        """The answer of a process to an order; it is ended when the turn is lost. Raises NotDone."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vai_transform_worker.upkeep", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of_children(self._lake_url) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        keeping = asyncio.create_task(self._keep(turn, process))
        try:
            line = json.dumps({"lake_url": self._lake_url, **order}).encode() + b"\n"
            async with asyncio.timeout(_MOST_SECONDS):
                said, wrong = await process.communicate(line)
        except TimeoutError:
            raise NotDone(f"{order['what']} took longer than {_MOST_SECONDS:g} s") from None
        finally:
            keeping.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            lines = wrong.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise NotDone(f"{order['what']} ended with {process.returncode}: {lines[-1]}")
        return json.loads(said)

    async def _keep(self, turn: Turn, process: asyncio.subprocess.Process) -> None:
        """Renew the lease while the process works; end the process where the table is no longer ours."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            if not await upkeep.renew(self._pool, turn, self._id):
                with suppress(ProcessLookupError):
                    process.kill()
                return
