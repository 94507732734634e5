"""Pieces of SQL that all transitions share: they write the log entry and the journal row in the same statement.

All of them read from a CTE `moved` with the columns of `runs` after the change, and take SQL expressions for the rest.
Decision 30 lists the `data` of an event.
"""

EVENT_DATA = """jsonb_build_object(
    'runId', moved.id, 'actionId', moved.action_id, 'actionKind', moved.kind, 'status', moved.status,
    'attempt', moved.retry_count + 1, 'createdAt', moved.created_at, 'startedAt', moved.started_at,
    'completedAt', moved.completed_at, 'trigger', jsonb_build_object('method', moved.trigger_method,
    'sourceType', moved.trigger_source_type, 'sourceId', moved.trigger_source_id))"""

JOURNAL_DATA = "CASE WHEN run_id IS NULL THEN data ELSE data || jsonb_build_object('runId', run_id) END AS data"
"""The data of a journal row, with the run that it tells of.

That field is newer than the events of connections, so it has a column: in a rolling upgrade older services publish what
is in `data`, and take no field that they do not know.
"""

NEVER_WANTED = frozenset(("action.started", "action.cancelled", "action.rejected", "action.awaiting_approval"))
"""Events that no automation can wait for (`vai_records.automations.triggers.EVENT_FIELDS`)."""

_EVENT_COLUMNS = ("subject_id", "sequence", "type", "occurred_at", "org_id", "data", "traceparent", "wanted")

TOLD = ", ".join(f"told.{name}" for name in _EVENT_COLUMNS if name not in ("org_id", "traceparent"))
"""What an answer adds to the columns of the run: the rest of the journal row (see `events.events.Event.of`)."""


ALONE = "(r.losses >= 2 OR r.losses = 1 AND r.spared)"
"""Whether the run `r` has lost two workers, counted or not, and is claimed alone (decision 16)."""

MAY_RERUN = "coalesce(r.may_rerun, r.kind <> 'http_request')"
"""Whether the run `r` may be done again after its worker was lost (decision 24). Whoever makes a run says so; where
nobody did, only a request may have been made that must not be made twice."""


def logged(level: str, event: str, message: str, data: str, worker: str, source: str = "moved") -> str:
    """An INSERT of one log entry for each row of `moved`; all arguments are SQL expressions."""
    return f"""INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, data, worker_id, attempt)
    SELECT moved.id, moved.log_seq, moved.updated_at, {level}, {event}, {message}, {data}, {worker},
        moved.retry_count + 1
    FROM {source}"""


def wanted(org_id: str, event_type: str) -> str:
    """Whether an automation waits for an event; the journal's row says so until it has been looked at (rule 9).

    Each event asks, so it is a plain look into an index: a function costs several times as much, EXISTS may be planned
    as a hash of all automations. `IS NOT FALSE` keeps a plan that was made for an empty table from the list's index,
    by which it would read all automations of the organisation.
    """
    if event_type.startswith("'") and event_type.strip("'") in NEVER_WANTED:
        return "false"
    return f"""(SELECT true FROM automations a WHERE a.org_id = {org_id} AND a.event_type = {event_type}
        AND a.status = 'active' AND (a.deleted_at IS NULL) IS NOT FALSE LIMIT 1) IS NOT NULL"""


def told(event_type: str, extra: str, writer: str, source: str = "moved") -> str:
    """An INSERT of one journal row for each row of `moved`, returning what its publication needs."""
    return f"""INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, traceparent, writer, wanted)
    SELECT moved.id, moved.event_seq, moved.updated_at, moved.org_id, {event_type}, {EVENT_DATA} || {extra},
           moved.traceparent, {writer}, {wanted("moved.org_id", event_type)}
    FROM {source}
    RETURNING {", ".join(_EVENT_COLUMNS)}"""


def waits_for_room(run: str) -> str:
    """Whether a run waits for room under a limit. It must equal the predicate of the index `runs_waiting`.

    A new or approved run is held. One that has begun and goes on (a retry, resumed, woken) is delayed without a time.
    """
    return f"""(({run}.phase = 'held' AND {run}.held_for = 'limit')
        OR ({run}.phase = 'delayed' AND {run}.due_at = 'infinity'))"""


def limited(run: str) -> str:
    """Whether the organisation or the connection of a run has a limit of live runs."""
    return f"""((SELECT o.max_running FROM organisations o WHERE o.id = {run}.org_id) IS NOT NULL
        OR (SELECT c.max_running FROM connections c WHERE c.id = {run}.connection_id) IS NOT NULL)"""


ROOM_WANTED = (
    f"""((SELECT true FROM runs w WHERE w.org_id = moved.org_id AND {waits_for_room("w")} LIMIT 1) IS NOT NULL)"""
)
"""Whether another run waits for the room that a run of `moved` leaves. One look into an index, which is empty without
limits. Not EXISTS, which may be planned as a hash of all waiting runs."""


def woken(parents: str) -> str:
    """Move parked parents on: queued, or waiting for room if a limit is reached.

    `parents` is an SQL condition on the parent's id. A locked parent is left to the sweep.
    """
    return f"""UPDATE runs p SET phase = CASE WHEN parent.limited THEN 'delayed' ELSE 'queued' END,
        due_at = CASE WHEN parent.limited THEN 'infinity'::timestamptz END, updated_at = clock_timestamp() FROM (
        SELECT r.id, {limited("r")} AS limited FROM runs r WHERE r.phase = 'parked' AND r.id {parents}
        ORDER BY r.id FOR UPDATE SKIP LOCKED
    ) parent WHERE p.id = parent.id
    RETURNING p.id, p.kind, p.org_id, p.phase"""


WOKEN = woken("IN (SELECT parent_run_id FROM moved)")
"""The statement that ends a child wakes its parked parent, too."""

AFTERWARDS = f"""CASE WHEN woken.phase = 'queued' THEN woken.id END AS woken_id, woken.kind AS woken_kind,
    ({ROOM_WANTED} OR woken.phase IS NOT DISTINCT FROM 'delayed') AS room_wanted"""
"""What an ending answers for `events.following.follow`: which parent can be claimed, and whether somebody waits for
room."""
