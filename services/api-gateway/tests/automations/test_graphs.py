"""What a drawing says of a run: how its steps stand, and which ways it took."""

from collections import defaultdict
from typing import Any, get_args

import httpx2
import pytest

from vai_api_gateway.automations.graph import graph_of
from vai_api_gateway.automations.shapes import StepState
from vai_api_gateway.gateway import Gateway
from vai_drawing.looks import LOOKS
from vai_records.automations.advance import StepStatus
from vai_records.automations.run_reads import step_json
from vai_records.lifecycle.transitions import Status

Row = dict[str, Any]


def _row(state: str, port: str | None = None, run_status: str | None = None) -> Row:
    return {"state": state, "port": port, "run_status": run_status, "started_at": None, "completed_at": None}


def _steps(condition: str = "on_success", ports: list[str] | None = None) -> list[dict[str, Any]]:
    shared = {"name": None, "kind": "http_request", "condition": "on_success"}
    return [
        {**shared, "key": "first", "depends_on": []},
        {**shared, "key": "then", "depends_on": [{"step": "first", "ports": ports or []}], "condition": condition},
    ]


# The states of both steps, the condition of the second, and whether the way between them was taken.
WAYS = [
    ("completed", "completed", "on_success", True),
    ("completed", "running", "on_success", True),
    ("completed", "waiting", "on_success", True),
    ("completed", "skipped", "on_success", False),
    ("completed", "passed_by", "on_success", False),
    ("failed", "skipped", "on_success", False),
    ("failed", "completed", "on_error", True),
    ("rejected", "completed", "on_error", True),
    ("cancelled", "failed", "on_error", True),
    ("completed", "completed", "on_error", False),
    ("failed", "completed", "always", True),
    ("completed", "completed", "always", True),
    ("skipped", "completed", "always", False),
    ("skipped", "completed", "on_success", False),
    ("passed_by", "completed", "on_success", False),
    ("passed_by", "completed", "on_error", False),
    ("running", "waiting", "on_success", None),
    ("waiting", "waiting", "always", None),
]


@pytest.mark.parametrize(("before", "after", "condition", "taken"), WAYS)
def test_a_way_was_taken_if_its_source_ended_as_the_next_step_wants(
    before: str, after: str, condition: str, taken: bool | None
) -> None:
    (edge,) = graph_of("", _steps(condition), {"first": _row(before), "then": _row(after)}).edges
    assert edge.taken is taken


@pytest.mark.parametrize(
    ("port", "named", "after", "taken"),
    [
        ("true", "true", "completed", True),
        ("false", "true", "skipped", False),
        ("false", "true", "completed", False),  # by another way
        (None, "completed", "completed", True),
        (None, "true", "completed", False),
    ],
)
def test_a_way_by_a_port_was_taken_if_the_source_ended_by_it(
    port: str | None, named: str, after: str, taken: bool
) -> None:
    rows = {"first": _row("completed", port), "then": _row(after)}
    (edge,) = graph_of("", _steps(ports=[named]), rows).edges
    assert edge.taken is taken


def test_before_a_run_nothing_is_taken_or_not() -> None:
    assert [edge.taken for edge in graph_of("", _steps()).edges] == [None]


def test_a_step_that_waits_for_a_person_is_not_shown_as_running() -> None:
    rows = {"first": _row("running", run_status="awaiting_approval"), "then": _row("waiting")}
    assert [node.state for node in graph_of("", _steps(), rows).nodes] == ["awaiting_approval", "waiting"]


@pytest.mark.parametrize("run_status", [None, *Status])
@pytest.mark.parametrize("state", StepStatus)
def test_answers_and_drawings_say_one_word_for_a_step(state: str, run_status: str | None) -> None:
    rows = {"first": _row(state, run_status=run_status), "then": _row("waiting")}
    drawn = graph_of("", _steps(), rows).nodes[0].state
    told = step_json(defaultdict(lambda: None, rows["first"]), defaultdict(lambda: None))["state"]
    assert told == drawn
    assert drawn in LOOKS
    assert told in get_args(StepState)
    assert (told == "awaiting_approval") is (state == "running" and run_status == "awaiting_approval")


async def test_a_drawing_is_made_by_the_drawers_process_and_never_by_the_gateway(
    api: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def drawn(graph: Any) -> str:
        asked.append(graph)
        return "<svg>of another process</svg>"

    monkeypatch.setattr(gateway.drawer, "svg", drawn)
    step = {"kind": "approval_gate", "definition": {}}
    made = (await api.post("/api/v1/automations", json={"name": "a", "actions": [step]})).json()
    answer = await api.get(f"/api/v1/automations/{made['id']}/graph?format=svg")
    assert (answer.text, len(asked)) == ("<svg>of another process</svg>", 1)


async def test_what_cannot_be_drawn_is_refused_with_what_to_do_and_is_there_as_text(api: httpx2.AsyncClient) -> None:
    names = [f"s{number}" for number in range(240)]
    steps = [
        {"key": key, "kind": "dlt_extract", "definition": {"source": "noop"}, "depends_on": names[row - 60 : row]}
        for number, key in enumerate(names)
        for row in [number // 60 * 60]
    ]
    made = await api.post("/api/v1/automations", json={"name": "wide", "steps": steps})
    assert made.status_code == 201, made.text
    path = f"/api/v1/automations/{made.json()['id']}/graph"
    refused = await api.get(f"{path}?format=svg")
    assert refused.status_code == 422
    assert "format=mermaid" in refused.json()["detail"][0]["msg"]
    assert (await api.get(path)).text.count("-->") == 3 * 60 * 60
