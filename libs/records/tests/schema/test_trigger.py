"""The whole matrix against the real trigger: every service, every place, every place that it might go to."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from vai_records.lifecycle.transitions import CREATORS, EDGES, MOVES, PHASES, SLICES
from vai_records.runs import statements
from vai_testkit.database import Database, new_run

PLACES = [f"{status}/{phase}" for status, phases in PHASES.items() for phase in phases]

# Tries to take a run from one place to another as one role, and takes it back; answers whether it was let.
_TRY = """
CREATE FUNCTION may_move(run uuid, who text, to_status text, to_phase text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('vai.role', who, true);
    UPDATE runs SET status = to_status, phase = to_phase,
        lease_owner = CASE WHEN to_phase = 'leased' THEN gen_random_uuid() END,
        held_for = CASE WHEN to_phase = 'held' THEN 'limit' END,
        due_at = CASE WHEN to_phase IN ('leased', 'delayed') THEN now() END,
        completed_at = CASE WHEN to_phase = 'done' THEN now() END
    WHERE id = run;
    RAISE EXCEPTION 'back' USING ERRCODE = 'VA999';
EXCEPTION
    WHEN SQLSTATE 'VA999' THEN RETURN 'let';
    WHEN SQLSTATE 'VA001' THEN RETURN 'refused';
    WHEN check_violation THEN RETURN 'no such place';
END
$$"""


def _allowed() -> set[tuple[str, str, str]]:
    """What the tables let each service do."""
    steps = [(e.owner, f"{e.source}/{phase}", f"{e.target}/{e.phase}") for e in EDGES for phase in e.phases]
    steps += [(m.owner, f"{m.status}/{m.source}", f"{m.status}/{m.target}") for m in MOVES]
    return {(service, a, b) for service, owners in SLICES.items() for owner, a, b in steps if owner in owners}


async def _tried(conn: Any, at: dict[str, UUID], who: str, targets: list[str]) -> dict[tuple[str, str, str], str]:
    pairs = [(source, target) for source in at for target in targets if source != target]
    rows = await conn.fetch(
        "SELECT may_move(run, $2, split_part(target, '/', 1), split_part(target, '/', 2)) AS answer"
        " FROM unnest($1::uuid[], $3::text[]) t(run, target)",
        [at[source] for source, _ in pairs],
        who,
        [target for _, target in pairs],
    )
    return {(who, *pair): row["answer"] for pair, row in zip(pairs, rows, strict=True)}


async def test_every_service_may_do_what_its_slice_holds_and_nothing_else(database: Database) -> None:
    at = {place: await database.put(*place.split("/")) for place in PLACES}
    conn = await database.connect("nobody")
    await conn.execute(_TRY)

    answers: dict[tuple[str, str, str], str] = {}
    for service in (*SLICES, "a stray script"):
        answers |= await _tried(conn, at, service, PLACES)

    assert len(answers) == (len(SLICES) + 1) * len(PLACES) * (len(PLACES) - 1)
    assert {step for step, answer in answers.items() if answer == "let"} == _allowed()
    assert {answer for step, answer in answers.items() if step not in _allowed()} == {"refused"}


async def test_no_run_can_stand_where_its_status_has_no_such_phase(database: Database) -> None:
    everywhere = {f"{status}/{phase}" for status in PHASES for phases in PHASES.values() for phase in phases}
    for place in sorted(everywhere - set(PLACES)):
        run_id = await database.put("running", "leased")
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await database.change(
                run_id,
                """status = $2, phase = $3, lease_owner = CASE WHEN $3 = 'leased' THEN gen_random_uuid() END,
                held_for = CASE WHEN $3 = 'held' THEN 'limit' END, due_at = CASE WHEN $3 <> 'done' THEN now() END,
                completed_at = CASE WHEN $3 = 'done' THEN now() END""",
                *place.split("/"),
            )
        assert refused.value.constraint_name == "status_has_phase"


@pytest.mark.parametrize("role", ["", "run-dispatcher", "extract-worker", "watchdog", "a stray script"])
async def test_only_gateway_and_scheduler_make_runs(database: Database, role: str) -> None:
    conn = await database.connect(role)
    with pytest.raises(asyncpg.PostgresError) as refused:
        await statements.create(conn, [new_run()])
    assert refused.value.sqlstate == "VA001"


@pytest.mark.parametrize("role", CREATORS)
@pytest.mark.parametrize("held_for", [None, "approval", "limit", "deferred"])
async def test_a_new_run_is_pending_and_says_who_made_it(database: Database, role: str, held_for: str | None) -> None:
    run = new_run(held_for=held_for)
    assert run.id in await statements.create(await database.connect(role), [run])
    row = await database.run(run.id)
    assert (row["status"], row["phase"], row["moved_by"]) == ("pending", run.phase, role)


@pytest.mark.parametrize("place", [place for place in PLACES if place not in ("pending/held", "pending/queued")])
async def test_no_run_is_made_anywhere_else(database: Database, place: str) -> None:
    conn = await database.connect("api-gateway")
    status, phase = place.split("/")
    with pytest.raises(asyncpg.PostgresError) as refused:
        await conn.execute(
            """INSERT INTO runs (id, org_id, kind, definition, trigger_method, status, phase, lease_owner, due_at,
                completed_at, held_for)
            VALUES (gen_random_uuid(), gen_random_uuid(), 'dlt_extract', '{}', 'api', $1, $2,
                CASE WHEN $2 = 'leased' THEN gen_random_uuid() END,
                CASE WHEN $2 IN ('leased', 'delayed') THEN now() END, CASE WHEN $2 = 'done' THEN now() END,
                CASE WHEN $2 = 'held' THEN 'limit' END)""",
            status,
            phase,
        )
    assert refused.value.sqlstate == "VA001"


async def test_a_session_that_does_not_say_who_it_is_moves_nothing(database: Database) -> None:
    run_id = await database.put("pending", "queued")
    conn = await asyncpg.connect(database.url)
    try:
        with pytest.raises(asyncpg.PostgresError, match=r"no vai\.role") as refused:
            await conn.execute("UPDATE runs SET phase = 'paused' WHERE id = $1", run_id)
    finally:
        await conn.close()
    assert refused.value.sqlstate == "VA001"
    assert await database.where(run_id) == "pending/queued"


async def test_who_moved_a_run_stands_on_it_whatever_the_statement_claims(database: Database) -> None:
    run_id = await database.put("pending", "queued", moved_by="scheduler")
    gateway = await database.connect("api-gateway")
    await gateway.execute("UPDATE runs SET phase = 'paused', moved_by = 'watchdog' WHERE id = $1", run_id)
    assert (await database.run(run_id))["moved_by"] == "api-gateway"


async def test_what_does_not_move_a_run_asks_for_no_role(database: Database) -> None:
    run_id = await database.put("running", "leased")
    conn = await asyncpg.connect(database.url)
    try:
        await conn.execute("UPDATE runs SET progress = '{}' WHERE id = $1", run_id)
    finally:
        await conn.close()


@pytest.mark.parametrize(
    ("phase", "assignment", "constraint"),
    [
        ("leased", "lease_owner = NULL", "lease_iff_leased"),
        ("queued", "lease_owner = gen_random_uuid()", "lease_iff_leased"),
        ("leased", "due_at = NULL", "looked_at_again"),
        ("delayed", "due_at = NULL", "looked_at_again"),
        ("queued", "held_for = 'limit'", "held_for_iff_held"),
        ("queued", "completed_at = now()", "ended_iff_done"),
        ("queued", "control = 'stop'", "runs_control_check"),
    ],
)
async def test_what_a_phase_needs_is_held_by_the_table(
    database: Database, phase: str, assignment: str, constraint: str
) -> None:
    run_id = await database.put("running", phase)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await database.change(run_id, assignment)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [("held_for = NULL", "held_for_iff_held"), ("held_for = 'lunch'", "runs_held_for_check")],
)
async def test_a_held_run_says_what_holds_it(database: Database, assignment: str, constraint: str) -> None:
    run_id = await database.put("pending", "held")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await database.change(run_id, assignment)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize(
    ("assignment", "constraint"), [("completed_at = NULL", "ended_iff_done"), ("due_at = now()", "done_has_no_due")]
)
async def test_an_ended_run_has_an_end_and_nothing_to_look_at(
    database: Database, assignment: str, constraint: str
) -> None:
    run_id = await database.put("completed", "done")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await database.change(run_id, assignment)
    assert refused.value.constraint_name == constraint
