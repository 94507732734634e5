"""The lifecycle's tables against document 000, and the services' slices against the tables."""

import importlib
from pathlib import Path

import pytest

from vai_records.lifecycle import transitions as lifecycle
from vai_records.lifecycle.transitions import (
    EDGES,
    MOVES,
    PHASES,
    SLICES,
    TERMINAL,
    Owner,
    Phase,
    Status,
    edges_of,
    moves_of,
)
from vai_records.schema import generate

# Document 000, "Action Lifecycle", word for word: a status and what it can transition to.
DOCUMENT = {
    "PENDING": {"RUNNING", "CANCELLED", "AWAITING_APPROVAL"},
    "AWAITING_APPROVAL": {"RUNNING", "REJECTED"},
    "RUNNING": {"COMPLETED", "FAILED", "CANCELLED"},
    "COMPLETED": set[str](),
    "FAILED": set[str](),
    "CANCELLED": set[str](),
    "REJECTED": set[str](),
}

# Whose verb each edge is (docs/architecture.md, "Who owns what").
OWNERS = {
    ("pending", "running", "claimed"): "worker",
    ("pending", "cancelled", "cancelled"): "api-gateway",
    ("pending", "awaiting_approval", "approval_required"): "run-dispatcher",
    ("awaiting_approval", "running", "claimed"): "worker",
    ("awaiting_approval", "rejected", "rejected"): "api-gateway",
    ("awaiting_approval", "rejected", "timed_out"): "run-dispatcher",
    ("running", "completed", "completed"): "worker",
    ("running", "failed", "failed"): "worker",
    ("running", "failed", "abandoned"): "watchdog",
    ("running", "cancelled", "stopped"): "worker",
    ("running", "cancelled", "cancelled"): "api-gateway",
    ("running", "cancelled", "abandoned"): "watchdog",
}


def _slices() -> dict[str, tuple[set[lifecycle.Edge], set[lifecycle.Move]]]:
    """What each service's own `lifecycle.py` says its slice is."""
    found = {}
    for service in SLICES:
        module = importlib.import_module(f"vai_{service.replace('-', '_')}.lifecycle")
        found[service] = (set(module.EDGES), set(module.MOVES))
    return found


def test_the_slices_together_are_the_documents_edges_and_no_other() -> None:
    edges = set().union(*(edges for edges, _ in _slices().values()))
    assert edges == set(EDGES)
    by_status = {status.name: {edge.target.name for edge in edges if edge.source is status} for status in Status}
    assert by_status == DOCUMENT


def test_the_slices_together_hold_every_move() -> None:
    assert set().union(*(moves for _, moves in _slices().values())) == set(MOVES)


def test_each_edge_has_one_owner() -> None:
    assert {(edge.source, edge.target, edge.cause): edge.owner for edge in EDGES} == OWNERS
    assert len(EDGES) == len(OWNERS)


@pytest.mark.parametrize("owner", Owner)
def test_an_owners_edges_and_moves_are_its_own_and_all_of_them(owner: Owner) -> None:
    edges, moves = edges_of(owner), moves_of(owner)
    assert {(edge.source, edge.target, edge.cause) for edge in edges} == {
        edge for edge, whose in OWNERS.items() if whose == owner
    }
    assert {move.owner for move in moves} == {owner}
    assert len(moves) == sum(move.owner is owner for move in MOVES)


def test_each_move_has_one_owner() -> None:
    named = [(move.status, move.source, move.target, move.cause) for move in MOVES]
    assert len(named) == len(set(named))


def test_only_services_with_kinds_share_a_slice() -> None:
    shared = {service for service, owners in SLICES.items() if Owner.WORKER in owners}
    assert shared == {"extract-worker", "transform-worker", "agent-worker", "scheduler"}
    alone = [owners for service, owners in SLICES.items() if service not in shared]
    assert sorted(alone) == [(owner,) for owner in sorted(set(Owner) - {Owner.WORKER})]


@pytest.mark.parametrize("status", TERMINAL)
def test_an_end_is_final(status: Status) -> None:
    assert lifecycle.targets(status) == ()
    assert [move for move in MOVES if move.status is status] == []


def test_what_the_document_calls_terminal_is() -> None:
    assert {status.name for status in TERMINAL} == {status for status, targets in DOCUMENT.items() if not targets}


def test_steps_lead_from_and_to_phases_that_their_status_has() -> None:
    for edge in EDGES:
        assert set(edge.phases) <= set(PHASES[edge.source])
        assert edge.phase in PHASES[edge.target]
    for move in MOVES:
        assert {move.source, move.target} <= set(PHASES[move.status])


def test_every_place_can_be_reached_and_every_place_that_is_no_end_can_be_left() -> None:
    steps = [((e.source, phase), (e.target, e.phase)) for e in EDGES for phase in e.phases]
    steps += [((m.status, m.source), (m.status, m.target)) for m in MOVES]
    reached = {(Status.PENDING, Phase.HELD), (Status.PENDING, Phase.QUEUED)} | {target for _, target in steps}
    places = {(status, phase) for status, phases in PHASES.items() for phase in phases}
    assert reached == places
    assert {source for source, _ in steps} == {place for place in places if place[1] is not Phase.DONE}


def test_only_a_worker_takes_a_lease() -> None:
    takers = {edge.owner for edge in EDGES if edge.phase is Phase.LEASED}
    takers |= {move.owner for move in MOVES if move.target is Phase.LEASED}
    assert takers == {Owner.WORKER}


def test_what_is_drawn_from_the_tables_is_not_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parents[4])
    assert generate.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_a_stale_drawing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert generate.main(["--check"]) == 1
    assert "docs/lifecycle.md is stale" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert (tmp_path / "docs/lifecycle.md").read_text() == generate.document()
