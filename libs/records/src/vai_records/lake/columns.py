"""Which columns the columns of a table come from: what transforms say of it, and the ways through the lake along it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import orjson

from vai_common.queries import Queries, Row

MOST_PAIRS = 20_000
"""Pairs of columns in one answer."""
_KEPT = 100
"""How many different answers are kept for one table, beside those of writes that are still listed."""

_NOTE = """
INSERT INTO dataset_columns (dataset_id, digest, run_id, outputs, input_ids, inputs, hows, unknown, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (dataset_id, digest) DO UPDATE SET run_id = excluded.run_id, written_at = clock_timestamp(), holds = true
"""
_REPLACE = "UPDATE dataset_columns SET holds = false WHERE dataset_id = $1 AND digest <> $2 AND holds"
_FORGET = """
DELETE FROM dataset_columns c USING (
    SELECT dataset_id, digest, row_number() OVER (PARTITION BY dataset_id ORDER BY holds DESC, written_at DESC) AS place
    FROM dataset_columns
) old WHERE (c.dataset_id, c.digest) = (old.dataset_id, old.digest) AND (old.place > $1 OR NOT c.holds)
    AND NOT EXISTS (SELECT FROM dataset_writes w WHERE w.dataset_id = c.dataset_id AND w.columns_digest = c.digest)
"""
_PAIRS = """
SELECT DISTINCT c.dataset_id AS output_id, p.output, p.input_id, p.input, p.how
FROM dataset_columns c
CROSS JOIN LATERAL unnest(c.outputs, c.input_ids, c.inputs, c.hows) AS p(output, input_id, input, how)
"""
_BETWEEN = f"""
{_PAIRS} WHERE c.holds AND c.dataset_id = ANY($1::uuid[]) AND p.input_id = ANY($1::uuid[])
ORDER BY output_id, output, input_id, input LIMIT {MOST_PAIRS + 1}
"""
_WAYS = {
    "upstream": f"""
{_PAIRS} JOIN unnest($1::uuid[], $2::text[]) AS b(id, name) ON b.id = c.dataset_id AND lower(b.name) = lower(p.output)
WHERE c.holds AND c.dataset_id = ANY($1::uuid[]) ORDER BY output_id, output, input_id, input LIMIT {MOST_PAIRS + 1}
""",
    "downstream": f"""
{_PAIRS} JOIN unnest($1::uuid[], $2::text[]) AS b(id, name) ON b.id = p.input_id AND lower(b.name) = lower(p.input)
WHERE c.holds AND (c.dataset_id = ANY($1::uuid[])
    OR c.dataset_id IN (SELECT output_id FROM dataset_reads WHERE input_id = ANY($1::uuid[])))
ORDER BY output_id, output, input_id, input LIMIT {MOST_PAIRS + 1}
""",
}
_UNKNOWN = """
SELECT d.id AS dataset_id, coalesce(c.unknown, '{}') AS unknown, c.reason, c.dataset_id IS NULL AS is_old
FROM datasets d LEFT JOIN dataset_columns c ON c.dataset_id = d.id AND c.holds
WHERE d.id = ANY($1::uuid[]) AND d.layer <> 'bronze' AND (c.dataset_id IS NULL OR c.unknown <> '{}') ORDER BY d.name
"""
_OLD = "The table was written by an earlier version, which did not follow columns: it is known after its next run."
_SOME = "sqlglot cannot tell what these columns are made of; it can of the table's others."


@dataclass(frozen=True)
class Pair:
    """A column of a table comes from a column of an input. `how`: `identity`, `transformation` or `aggregation`."""

    output_id: UUID
    output: str
    input_id: UUID
    input: str
    how: str


@dataclass(frozen=True)
class Unknown:
    """Columns of a table whose sources are not known, and why."""

    dataset_id: UUID
    columns: list[str]
    reason: str


@dataclass(frozen=True)
class Told:
    """What a query says of the columns of its table."""

    pairs: Sequence[tuple[str, UUID, str, str]] = ()
    """A column, the input that it comes from, the column there, and how."""
    unknown: Sequence[str] = ()
    reason: str | None = None

    @property
    def digest(self) -> bytes:
        said = [sorted(self.pairs), sorted(self.unknown), self.reason]
        return hashlib.sha256(orjson.dumps(said, default=str)).digest()


@dataclass(frozen=True)
class Ways:
    """The pairs on the ways through the lake, what is not known there, and whether nothing was left out."""

    pairs: list[Pair] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    is_whole: bool = True


async def note(conn: Queries, dataset_id: UUID, run_id: UUID, told: Told, replaces: bool) -> None:
    """Record what a run's query says. `replaces`: all rows of the table are from this run."""
    if replaces:
        await conn.execute(_REPLACE, dataset_id, told.digest)
    outputs, input_ids, inputs, hows = map(list, zip(*told.pairs, strict=True)) if told.pairs else ([], [], [], [])
    await conn.execute(
        _NOTE, dataset_id, told.digest, run_id, outputs, input_ids, inputs, hows, list(told.unknown), told.reason
    )


async def between(conn: Queries, ids: Sequence[UUID]) -> Ways:
    """All pairs between these tables."""
    rows = await conn.fetch(_BETWEEN, list(ids))
    return Ways(_pairs(rows[:MOST_PAIRS]), await _unknown(conn, ids), len(rows) <= MOST_PAIRS)


async def along(conn: Queries, dataset_id: UUID, column: str, ways: Sequence[str], depth: int) -> Ways:
    """The pairs that lead to a column (`upstream`), and those that come from it (`downstream`)."""
    found: dict[Pair, None] = {}
    unknown: list[Unknown] = []
    is_whole = True
    for way in ways:
        seen = {(dataset_id, column.lower())}
        border = [(dataset_id, column)]
        for _ in range(depth):
            rows = await conn.fetch(_WAYS[way], *map(list, zip(*border, strict=True)))
            pairs = _pairs(rows)
            found |= dict.fromkeys(pairs)
            ends = {_end(pair, way) for pair in pairs}
            border = [end for end in sorted(ends, key=str) if (end[0], end[1].lower()) not in seen]
            seen |= {(identity, name.lower()) for identity, name in border}
            if len(found) > MOST_PAIRS:
                is_whole = False
                break
            if not border:
                break
        else:
            is_whole = not await conn.fetch(_WAYS[way], *map(list, zip(*border, strict=True))) and is_whole
        unknown += await _ends_of_knowledge(conn, way, seen)
    return Ways(list(found)[:MOST_PAIRS], list({each.dataset_id: each for each in unknown}.values()), is_whole)


async def _ends_of_knowledge(conn: Queries, way: str, seen: set[tuple[UUID, str]]) -> list[Unknown]:
    """Where a way may go on, and nobody knows: upstream, the columns on it that come from no known column; downstream,
    the columns of tables that read the tables on it.
    """
    ids = list({identity for identity, _ in seen})
    if way == "downstream":
        reading = await conn.fetch("SELECT DISTINCT output_id FROM dataset_reads WHERE input_id = ANY($1::uuid[])", ids)
        return await _unknown(conn, [row["output_id"] for row in reading])
    on_it = [
        replace(each, columns=[name for name in each.columns if (each.dataset_id, name.lower()) in seen])
        for each in await _unknown(conn, ids)
    ]
    return [each for each in on_it if each.columns or each.reason == _OLD]


async def forget_old(conn: Queries) -> None:
    """Delete what holds no more, and what is not of a write that is still listed."""
    await conn.execute(_FORGET, _KEPT)


def _end(pair: Pair, way: str) -> tuple[UUID, str]:
    return (pair.input_id, pair.input) if way == "upstream" else (pair.output_id, pair.output)


def _pairs(rows: Sequence[Row]) -> list[Pair]:
    return [Pair(row["output_id"], row["output"], row["input_id"], row["input"], row["how"]) for row in rows]


async def _unknown(conn: Queries, ids: Sequence[UUID]) -> list[Unknown]:
    rows = await conn.fetch(_UNKNOWN, list(ids))
    return [
        Unknown(row["dataset_id"], row["unknown"], _OLD if row["is_old"] else row["reason"] or _SOME) for row in rows
    ]
