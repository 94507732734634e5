"""Pieces of SQL: which runs a claim takes, and which leases a statement has skipped.

They select `id` and `status` of runs of the kinds $2, the hinted ones ($3) or any that wait, at most $4.
`runs.statements` claims these for the owner $1 with the name $5.
"""

from vai_records.lifecycle.sql_fragments import ALONE

# `phase || ''` keeps the planner from the indexes of queued or leased runs. It believes that these are short, and would
# read a backlog of a million runs to find eight whose ids are given.
IS_QUEUED = "r.phase || '' = 'queued'"
IS_LEASED = "r.phase || '' = 'leased'"

HINTED = f"""SELECT r.id, r.status FROM runs r WHERE r.id = ANY($3::uuid[]) AND {IS_QUEUED}
    AND r.kind = ANY($2::text[]) AND NOT {ALONE} ORDER BY r.id LIMIT $4 FOR UPDATE SKIP LOCKED"""

# Organisations in turn, of each the recovered runs and then the oldest. The outer limit takes one round after another.
# A loose index scan: it jumps from one (kind, org_id) to the next, so the cost depends on the number of organisations,
# not of runs. The rows are looked up one by one, in the order of `fair`: with a join, a plan that was made for a small
# table would read the whole table.
WAITING = f"""WITH RECURSIVE line(kind, org_id) AS (
        SELECT k.kind, first.org_id FROM unnest($2::text[]) AS k(kind), LATERAL (
            SELECT org_id FROM runs WHERE phase = 'queued' AND kind = k.kind
            ORDER BY org_id, recovered DESC, id LIMIT 1
        ) first
        UNION ALL
        SELECT line.kind, next.org_id FROM line, LATERAL (
            SELECT org_id FROM runs WHERE phase = 'queued' AND kind = line.kind AND org_id > line.org_id
            ORDER BY org_id, recovered DESC, id LIMIT 1
        ) next
    ),
    fair AS (
        SELECT w.id, w.recovered,
            row_number() OVER (PARTITION BY line.org_id, line.kind ORDER BY w.recovered DESC, w.id) AS turn
        FROM line, LATERAL (
            SELECT id, recovered FROM runs r WHERE phase = 'queued' AND kind = line.kind AND org_id = line.org_id
                AND NOT {ALONE}
            ORDER BY recovered DESC, id LIMIT $4
        ) w
        ORDER BY w.recovered DESC, turn, w.id LIMIT 10 * $4
    )
    SELECT locked.id, locked.status FROM fair, LATERAL (
        SELECT r.id, r.status FROM runs r WHERE r.id = fair.id AND {IS_QUEUED} FOR UPDATE SKIP LOCKED
    ) locked
    WHERE $3::uuid[] IS NULL LIMIT $4"""

# The same with a limit for each organisation ($6 to $8, see `Share`).
WITHIN = (
    """coalesce((SELECT s.room FROM unnest($6::uuid[], $7::int[]) s(org_id, room) WHERE s.org_id = {org}), $8::int)"""
)
HINTED_SHARED = f"""SELECT locked.id, locked.status FROM (
        SELECT r.id, r.org_id, row_number() OVER (PARTITION BY r.org_id ORDER BY r.id) AS place
        FROM runs r WHERE r.id = ANY($3::uuid[]) AND {IS_QUEUED} AND r.kind = ANY($2::text[]) AND NOT {ALONE}
    ) h, LATERAL (
        SELECT r.id, r.status FROM runs r WHERE r.id = h.id AND {IS_QUEUED} FOR UPDATE SKIP LOCKED
    ) locked
    WHERE h.place <= {WITHIN.format(org="h.org_id")} LIMIT $4"""
WAITING_SHARED = WAITING.replace(
    "SELECT w.id, w.recovered,",
    """SELECT w.id, w.recovered, line.org_id,
            row_number() OVER (PARTITION BY line.org_id ORDER BY w.recovered DESC, w.id) AS place,""",
).replace("WHERE $3::uuid[] IS NULL", f"WHERE $3::uuid[] IS NULL AND fair.place <= {WITHIN.format(org='fair.org_id')}")

# One worker of a kind at a time, for $6 seconds: the others go on with other runs.
WAITING_ALONE = f"""SELECT r.id, r.status FROM runs r WHERE r.phase = 'queued' AND r.kind = ANY($2::text[]) AND {ALONE}
    AND r.id <> ALL($3::uuid[]) AND NOT EXISTS (
        SELECT FROM runs h WHERE h.phase = 'leased' AND h.kind = r.kind AND {ALONE.replace("r.", "h.")} AND EXISTS (
            SELECT FROM run_logs l WHERE l.run_id = h.id AND l.event = 'lease_acquired'
            AND l.occurred_at > now() - $6::int * interval '1 s'))
    ORDER BY r.id LIMIT $4 FOR UPDATE SKIP LOCKED"""

# The runs that a pull would claim. Only used if the pull fails, to find the bad row.
_WHO = "SELECT id FROM ({waiting}) w WHERE $1::uuid IS NULL AND $5::text IS NULL"
WHO_WAITS = _WHO.format(waiting=WAITING)
WHO_WAITS_ALONE = _WHO.format(waiting=WAITING_ALONE)


def passed_over(given: str) -> str:
    """Those of the given leases (id, epoch) that are as expected and not `picked`: their rows are locked.

    If all were picked, nothing is read.
    """
    return f"""SELECT t.id, t.epoch FROM ({given}) t JOIN runs r ON r.id = t.id AND r.epoch = t.epoch
    WHERE (SELECT count(*) FROM picked) < (SELECT count(*) FROM ({given}) all_given)
      AND r.id = ANY($1) AND {IS_LEASED} AND NOT EXISTS (SELECT FROM picked WHERE picked.id = t.id)"""
