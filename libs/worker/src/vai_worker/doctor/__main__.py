"""`make doctor`, or `python -m vai_worker.doctor` inside a pod or container, with a service's settings.

Exit code 0: all is well. 1: something is wrong. 2: the settings or the words are wrong.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Collection

import asyncpg

from vai_common.db import AWAY, open_pool
from vai_common.queries import Pool
from vai_common.settings import Settings, WrongSettings, read
from vai_records.definitions.kinds import KINDS
from vai_worker.doctor import database, outside
from vai_worker.doctor.finding import Finding
from vai_worker.doctor.tables import tables

_OF_DATABASE: tuple[Callable[[Pool], Awaitable[Finding]], ...] = (
    *(database.schema, database.clock, database.rights, database.connections),
    *(database.partitions, database.scaling),
)


async def examine(settings: Settings, resting: Collection[str] = ()) -> list[Finding]:
    """Every check. A check that fails itself is a finding, and the others go on.

    `resting` kinds need no live worker: it is scaled to zero, or they are not served on purpose.
    """
    brokers = settings.brokers(settings.kafka)
    return [
        *await _database(settings, resting),
        await outside.kafka(brokers, settings.topic_replication),
        await outside.lake(settings.lake_url),
    ]


async def _database(settings: Settings, resting: Collection[str]) -> list[Finding]:
    try:
        pool = await open_pool(settings.direct_url, "doctor", 1)
    except (*AWAY, asyncpg.PostgresError) as error:
        return [database.not_opened(error)]
    try:
        found = [await _safely(check.__name__, check(pool)) for check in _OF_DATABASE]
        found.append(await _safely("workers", database.workers(pool, resting)))
        found.append(await _safely("pooler", database.pooler(settings.database_url, settings.direct_url)))
        found.append(await _safely("tables", tables(pool, settings.lake_url)))
        if settings.encryption_keys:
            found.append(await _safely("secrets", database.secrets(pool, settings.encryption_keys)))
        return found
    finally:
        await pool.close()


async def _safely(name: str, check: Awaitable[Finding]) -> Finding:
    try:
        return await check
    except Exception as error:
        fault = f"the check failed: {type(error).__name__}: {error}"
        return Finding(name, fault, "Correct what stands above first; then read the database's log")


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    try:
        settings = read(Settings)
    except WrongSettings as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its findings stand in ours
    found = asyncio.run(examine(settings, asked.resting))
    if asked.json:
        sys.stdout.write(json.dumps([one.as_dict() for one in found], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{one.line()}\n" for one in found)
    return 0 if all(one.is_ok for one in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vai_worker.doctor", description="Is the installation well?")
    parser.add_argument("--json", action="store_true", help="for programs")
    meant = "kinds that need no live worker: it is scaled to zero, or they are not served on purpose"
    parser.add_argument("--resting", type=_kinds, default=(), metavar="KIND,…", help=meant)
    return parser


def _kinds(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in KINDS]:
        raise argparse.ArgumentTypeError(f"no kind: {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
