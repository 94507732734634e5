"""What is to be told: taken from what a trigger of the journal noted, and gathered into one message of each rule."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from vai_common.ids import least_of, uuid7
from vai_common.queries import Connection, Queries, Row
from vai_common.rows import Rows
from vai_records.alerts.matching import Filters, News

Json = dict[str, Any]

BATCH = 500

MOST_ITEMS = 10
"""Of a message: the first ones are told one by one, all are counted."""

LONGEST_NAME, LONGEST_ERROR = 200, 300
"""Characters of a name and of an error's message in an item."""

_TAKE = """
DELETE FROM alert_news WHERE id IN (
    SELECT id FROM alert_news WHERE id <> ALL($2::bigint[]) AND ($3::bigint[] IS NULL OR id = ANY($3))
    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING id, org_id, rule_id, what, subject_id, sequence, occurred_at, data
"""
_FOUND = "SELECT id FROM alert_news WHERE id <> ALL($2::bigint[]) ORDER BY id LIMIT $1"
_ABOUT = """
SELECT n.subject_id, r.id IS NOT NULL AS is_run, r.kind, r.action_id, r.labels, r.trigger_source_type,
    r.trigger_source_id, r.result -> 'failed_resources' AS failed_resources, a.name AS action_name,
    CASE WHEN r.id IS NULL THEN x.error ELSE r.error END AS error
FROM unnest($1::uuid[]) AS n(subject_id)
LEFT JOIN runs r ON r.id = n.subject_id
LEFT JOIN automation_runs x ON x.id = n.subject_id
LEFT JOIN actions a ON a.id = r.action_id
"""
_AUTOMATIONS = """
SELECT n.id, m.id AS automation_id, m.name, x.labels AS run_labels, m.labels FROM unnest($1::uuid[]) AS n(id)
LEFT JOIN automation_runs x ON x.id = n.id
JOIN automations m ON m.id = coalesce(x.automation_id, n.id)
"""
_RULES = """
SELECT id, org_id, tells, filters, gather_seconds, pause_seconds FROM alert_rules
WHERE org_id = ANY($1::uuid[]) AND is_active AND deleted_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""
_GATHERING = """
SELECT id, rule_id, counts, items FROM alerts WHERE rule_id = ANY($1::uuid[]) AND status = 'gathering'
ORDER BY id FOR UPDATE
"""
_ADD = "UPDATE alerts SET counts = $2, items = $3 WHERE id = $1"
_BEGIN = """
INSERT INTO alerts (id, org_id, rule_id, status, counts, items, due_at)
SELECT $1, $2, $3, 'gathering', $4, $5, greatest(clock_timestamp() + make_interval(secs => $6),
    (SELECT max(began_at) FROM alerts WHERE rule_id = $3 AND NOT is_test) + make_interval(secs => $7))
"""
_NOTE = """
INSERT INTO alert_news (org_id, what, subject_id, data)
SELECT org_id, 'schedule_missed', automation_id, said
FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[]) AS t(org_id, automation_id, said)
WHERE EXISTS (SELECT FROM alert_rules r WHERE r.org_id = t.org_id AND r.is_active AND r.deleted_at IS NULL
    AND 'schedule_missed' = ANY(r.tells))
"""
_LATE_RULES = """
SELECT id, org_id, clock_timestamp() - make_interval(secs => late_seconds) AS since FROM alert_rules
WHERE is_active AND deleted_at IS NULL AND late_seconds IS NOT NULL AND 'late' = ANY(tells)
"""
# By ids, which begin with the time: what is young is not read.
_LATE = """
WITH late AS (
    (SELECT r.id FROM runs r WHERE r.org_id = $1 AND r.status IN ('pending', 'awaiting_approval', 'running')
        AND r.id < $3 AND r.deleted_at IS NULL AND coalesce(r.scheduled_for, r.created_at) < $4
        AND NOT EXISTS (SELECT FROM alert_lates l WHERE l.rule_id = $2 AND l.subject_id = r.id) LIMIT $5)
    UNION ALL
    (SELECT x.id FROM automation_runs x WHERE x.org_id = $1 AND x.status = 'running' AND x.id < $3
        AND x.created_at < $4
        AND NOT EXISTS (SELECT FROM alert_lates l WHERE l.rule_id = $2 AND l.subject_id = x.id) LIMIT $5)
), noted AS (
    INSERT INTO alert_lates (rule_id, subject_id) SELECT $2, id FROM late ON CONFLICT DO NOTHING RETURNING subject_id
)
INSERT INTO alert_news (org_id, rule_id, what, subject_id) SELECT $1, $2, 'late', subject_id FROM noted
"""


async def found(conn: Queries, resting: Sequence[Any]) -> list[int]:
    """Ids of what waits, the oldest first."""
    return [row["id"] for row in await conn.fetch(_FOUND, BATCH, resting)]


async def note_late(conn: Queries, rules: Rows[UUID]) -> None:
    """Notes, for each rule once, what should have ended by now; `rules` are those that failed before."""
    for rule in await conn.fetch(_LATE_RULES):
        said = (rule["org_id"], rule["id"], least_of(rule["since"]), rule["since"], BATCH)
        await rules.one(rule["id"], lambda _, said=said: conn.execute(_LATE, *said))  # type: ignore[misc]


async def note_missed(conn: Queries, missed: Sequence[tuple[UUID, UUID, Json]]) -> None:
    """Notes times of schedules that were missed: organisation, automation, and what is told of it."""
    if missed:
        await conn.execute(_NOTE, *map(list, zip(*missed, strict=True)))


async def gather(conn: Connection, resting: Sequence[Any], only: list[int] | None) -> int:
    """Takes up to `BATCH` pieces of news and adds them to the messages of the rules that tell them; how many it took.

    In a transaction of the caller: what is taken is in a message, or no rule tells it.
    """
    rows = sorted(await conn.fetch(_TAKE, BATCH, resting, only), key=lambda row: row["id"])
    if not rows:
        return 0
    rules = await conn.fetch(_RULES, sorted({row["org_id"] for row in rows}))
    told = await _told(conn, rows) if rules else []
    fresh: dict[UUID, list[Json]] = {}
    for rule in rules:
        filters = Filters.of(rule["filters"])
        items = [
            item
            for row, news, item in told
            if row["org_id"] == rule["org_id"]
            and row["rule_id"] in (None, rule["id"])
            and news.what in rule["tells"]
            and filters.let_through(news)
        ]
        if items:
            fresh[rule["id"]] = items
    await _add(conn, {rule["id"]: rule for rule in rules}, fresh)
    return len(rows)


async def _add(conn: Connection, rules: Mapping[UUID, Row], fresh: Mapping[UUID, list[Json]]) -> None:
    """The rules are locked, so nobody else begins a message of theirs."""
    open_ = {row["rule_id"]: row for row in await conn.fetch(_GATHERING, list(fresh))} if fresh else {}
    for rule_id, items in fresh.items():
        before, rule = open_.get(rule_id), rules[rule_id]
        counts = dict(before["counts"]) if before else {}
        for item in items:
            counts[item["what"]] = counts.get(item["what"], 0) + 1
        # By their time: of several schedulers, the one that took later news may be here before the others.
        shown = sorted([*(before["items"] if before else []), *items], key=_moment_of)[:MOST_ITEMS]
        if before:
            await conn.execute(_ADD, before["id"], counts, shown)
        else:
            waits = rule["gather_seconds"], rule["pause_seconds"]
            await conn.execute(_BEGIN, uuid7(), rule["org_id"], rule_id, counts, shown, *waits)


async def _told(conn: Connection, rows: Sequence[Row]) -> list[tuple[Row, News, Json]]:
    """Each piece of news, as rules are held against it and as messages tell it."""
    about = {row["subject_id"]: row for row in await conn.fetch(_ABOUT, list({row["subject_id"] for row in rows}))}
    led_by = {subject: run for subject, row in about.items() if (run := _automation_run_of(row)) is not None}
    wanted = {led_by.get(subject, subject) for subject, row in about.items() if not row["is_run"] or subject in led_by}
    automations = {row["id"]: row for row in await conn.fetch(_AUTOMATIONS, list(wanted))}
    told = []
    for row in rows:
        known = about[row["subject_id"]]
        automation = automations.get(led_by.get(row["subject_id"], row["subject_id"]))
        is_there = known["is_run"] or automation is not None
        if is_there and (row["what"] != "partial" or known["failed_resources"]):
            told.append((row, _news(row, known, automation), _item(row, known, automation)))
    return told


def _moment_of(item: Json) -> str:
    return str(item["occurredAt"])


def _automation_run_of(row: Row) -> UUID | None:
    """The automation run whose step a run is."""
    if row["trigger_source_type"] != "automation_run":
        return None
    try:
        return UUID(row["trigger_source_id"])
    except (TypeError, ValueError):
        return None


def _news(row: Row, known: Row, automation: Row | None) -> News:
    labels = known["labels"] if known["is_run"] else automation and (automation["run_labels"] or automation["labels"])
    return News(
        row["what"],
        row["subject_id"],
        known["is_run"],
        known["kind"],
        known["action_id"],
        automation["automation_id"] if automation else None,
        labels or {},
    )


def _item(row: Row, known: Row, automation: Row | None) -> Json:
    name = known["action_name"] or known["kind"] if known["is_run"] else automation and automation["name"]
    item: Json = {
        "what": row["what"],
        "occurredAt": row["occurred_at"].isoformat(),
        "name": on_one_line(name or "", LONGEST_NAME),
        "runId": str(row["subject_id"]) if known["is_run"] else None,
        "kind": known["kind"],
        "automationId": str(automation["automation_id"]) if automation else None,
        "automation": on_one_line(automation["name"], LONGEST_NAME) if automation else None,
        "automationRunId": None,
        "text": on_one_line(_text(row, known), LONGEST_ERROR),
    }
    if not known["is_run"] and row["what"] != "schedule_missed":
        item["automationRunId"] = str(row["subject_id"])
    return item


def _text(row: Row, known: Row) -> str:
    if row["what"] == "failed":
        return str((known["error"] or {}).get("message") or "")
    if row["what"] == "partial":
        failed = known["failed_resources"]
        named = [one.get("resource", one.get("name", "")) if isinstance(one, dict) else str(one) for one in failed]
        return f"{len(failed)} failed: {', '.join(filter(None, map(str, named)))}"
    return str((row["data"] or {}).get("text") or "")


def on_one_line(text: str, most: int) -> str:
    """A text of somebody else for a message: without control characters, at most so many characters."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
