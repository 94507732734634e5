"""The lineage of a table: a graph of where its rows come from and go, made from the reads and writes of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from vai_common.queries import Queries, Row
from vai_records.lake.shown import WHO, WRITER

Direction = Literal["upstream", "downstream", "both"]

DEEPEST = 20
MOST = 500
"""The largest number of tables in one graph."""

# Table by table: a table is visited only once, so that a circle (two tables that read each other) ends.
_NEXT = {
    "upstream": "SELECT DISTINCT input_id AS id FROM dataset_reads WHERE output_id = ANY($1::uuid[])",
    "downstream": "SELECT DISTINCT output_id AS id FROM dataset_reads WHERE input_id = ANY($1::uuid[])",
}


_BESIDE = """
SELECT e.input_id, e.output_id, i.layer || '.' || i.name AS input, o.layer || '.' || o.name AS output
FROM (SELECT DISTINCT input_id, output_id FROM dataset_reads
      WHERE input_id = ANY($1::uuid[]) OR output_id = ANY($1::uuid[])) e
JOIN datasets i ON i.id = e.input_id JOIN datasets o ON o.id = e.output_id
ORDER BY input, output LIMIT $2
"""


@dataclass(frozen=True)
class Graph:
    """`reads` are edges between tables, `loads` those from a source's resource into a table of bronze."""

    tables: list[Row]
    reads: list[Row]
    loads: list[Row]
    is_whole: bool
    """Whether nothing was left out."""


async def graph(conn: Queries, dataset_id: UUID, direction: Direction, depth: int) -> Graph:
    """The tables around one, at most `depth` steps away."""
    ways = [way for way in ("upstream", "downstream") if direction in (way, "both")]
    reached = [await _reached(conn, dataset_id, way, depth) for way in ways]
    ids = list(dict.fromkeys(each for found, _ in reached for each in found))
    tables = await conn.fetch(
        """SELECT id, layer, layer || '.' || name AS name, row_count, updated_at,
                  extract(epoch FROM clock_timestamp() - updated_at)::float8 AS age
           FROM datasets WHERE id = ANY($1::uuid[]) ORDER BY name""",
        ids,
    )
    reads = [row for found, _ in reached for row in await _reads(conn, found)]
    edges = {(row["input_id"], row["output_id"]): row for row in reads}
    loads = await _loads(conn, reached[0][0]) if "upstream" in ways else []
    return Graph(list(tables), list(edges.values()), loads, all(whole for _, whole in reached))


async def readers(conn: Queries, dataset_id: UUID) -> list[Row]:
    """The tables that are made of this one, with the run that read it last."""
    return await _edges(conn, "e.input_id = $1", dataset_id)


async def beside(conn: Queries, ids: Sequence[UUID]) -> dict[UUID, tuple[list[str], list[str]]]:
    """Of each of these tables: the names of those that it is made of, and of those that are made of it."""
    rows = await conn.fetch(_BESIDE, list(ids), MOST * 4)
    found: dict[UUID, tuple[list[str], list[str]]] = {one: ([], []) for one in ids}
    for row in rows:
        if row["output_id"] in found:
            found[row["output_id"]][0].append(row["input"])
        if row["input_id"] in found:
            found[row["input_id"]][1].append(row["output"])
    return found


async def _reached(conn: Queries, dataset_id: UUID, way: str, depth: int) -> tuple[list[UUID], bool]:
    """The tables in one direction, including the first one, and whether these are all."""
    found, border = {dataset_id: None}, [dataset_id]
    for _ in range(depth):
        rows = await conn.fetch(_NEXT[way], border)
        border = [row["id"] for row in rows if row["id"] not in found]
        if len(found) + len(border) > MOST:
            return list(found), False
        found |= dict.fromkeys(border)
        if not border:
            return list(found), True
    further = await conn.fetch(_NEXT[way], border)
    return list(found), all(row["id"] in found for row in further)


async def _reads(conn: Queries, ids: Sequence[UUID]) -> list[Row]:
    return await _edges(conn, "e.input_id = ANY($1::uuid[]) AND e.output_id = ANY($1::uuid[])", list(ids))


async def _edges(conn: Queries, where: str, value: object) -> list[Row]:
    rows = await conn.fetch(
        f"""SELECT e.input_id, e.output_id, e.run_id, e.read_at, d.layer, d.layer || '.' || d.name AS name,
                   w.action_id, a.name AS action_name, a.slug AS action_slug,
                   w.automation_run_id, m.id AS automation_id, m.name AS automation_name
            FROM dataset_reads e JOIN datasets d ON d.id = e.output_id
            LEFT JOIN dataset_writes w ON w.dataset_id = e.output_id AND w.run_id = e.run_id AND w.resource = ''
            {WHO} WHERE {where} ORDER BY e.read_at DESC LIMIT {MOST * 4}""",
        value,
    )
    return list(rows)


async def _loads(conn: Queries, ids: Sequence[UUID]) -> list[Row]:
    """The sources of bronze tables: for each connection and resource the last run."""
    rows = await conn.fetch(
        f"""SELECT d.id AS dataset_id, split_part(d.name, '.', 1) AS source, {WRITER}
            FROM datasets d JOIN (
                SELECT DISTINCT ON (dataset_id, connection_id, resource) * FROM dataset_writes
                WHERE dataset_id = ANY($1::uuid[]) ORDER BY dataset_id, connection_id, resource, written_at DESC
            ) w ON w.dataset_id = d.id {WHO} WHERE d.layer = 'bronze' ORDER BY w.written_at DESC LIMIT {MOST}""",
        list(ids),
    )
    return list(rows)
