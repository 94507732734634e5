"""Every JSON block of document 002 is an automation that can be saved (decision 46)."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.spec.automations import ACTIONS, BEFORE, BLOCKS, EVENTS, INPUTS, LIVE, SUBSTITUTIONS, Block, bodies, filled
from tests.spec.compare import blocks_in
from vai_records.automations.body import AutomationBody
from vai_records.automations.plan import Plan
from vai_records.automations.saved_steps import Context, SavedAction, saved_steps
from vai_records.automations.triggers import passes
from vai_records.definitions.conditions import all_hold, judge
from vai_records.definitions.kinds import KINDS

LOCAL = "http://127.0.0.1:9/"
ALL = [*bodies(), *bodies(LOCAL)]
NAMES = [f"{block.name}{place // len(BLOCKS) * ', to be run'}" for place, block in enumerate(ALL)]


def saved(block: Block) -> tuple[AutomationBody, list[dict[str, Any]]]:
    body = AutomationBody.model_validate(block.body)
    actions = {one["slug"]: SavedAction(UUID(int=1), one["kind"], one["definition"]) for one in block.actions}
    steps = body.actions if body.actions is not None else body.steps or []
    place = ("body", "actions" if body.actions is not None else "steps")
    found, _ = saved_steps(steps, Context({}, actions), place, in_sequence=body.actions is not None)
    return body, found


def keys(name: str) -> dict[str, list[str]]:
    """The steps of a block with those that they wait for."""
    block = next(one for one in bodies() if one.name == name)
    return {step["key"]: [one["step"] for one in step["depends_on"]] for step in saved(block)[1]}


@pytest.mark.parametrize("block", ALL, ids=NAMES)
def test_the_block_can_be_saved(block: Block) -> None:
    body, steps = saved(block)
    assert all(step["kind"] in KINDS for step in steps)
    assert len(Plan.of({"steps": steps, "max_parallel": body.max_parallel}).order) == len(steps)


def test_no_block_is_left_out_and_none_is_made_up() -> None:
    assert [block.name for block in bodies()] == list(BLOCKS)
    for table in (SUBSTITUTIONS, ACTIONS, BEFORE, INPUTS, EVENTS):
        assert set(table) <= set(BLOCKS)
    assert {name for name, block in BLOCKS.items() if isinstance(block, str)} <= set(SUBSTITUTIONS)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_body_holds_its_block(name: str) -> None:
    """The host adds something around it and takes nothing away."""
    body = next(block.body for block in bodies() if block.name == name)
    block = filled(name)
    work = [step.get("action", {}).get("definition", {}) for step in body.get("steps", [])]
    needs = [one for step in body.get("steps", []) for one in step.get("depends_on", [])]
    holders = [body, *body.get("steps", []), *work, *(one for one in needs if isinstance(one, dict))]
    assert any(block.items() <= holder.items() for holder in holders)


def test_what_the_document_leaves_out_is_all_that_is_replaced() -> None:
    for name, block in BLOCKS.items():
        elided = block.count("...") if isinstance(block, str) else 0
        others = {"step with a saved action": 1, "port-based routing": 2}.get(name, 0)
        # the routing block's one ellipsis stands beside two actions that are left out without any
        assert len(SUBSTITUTIONS.get(name, ())) == elided + others


@pytest.mark.parametrize(("given", "_instead"), LIVE)
def test_what_is_replaced_for_a_run_is_somewhere(given: str, _instead: str) -> None:
    assert any(given in json.dumps(block.body) for block in bodies())
    assert not any(given in json.dumps(block.body) for block in bodies(LOCAL))


def test_nothing_of_a_run_goes_to_an_address_of_the_document() -> None:
    assert "example.com/" not in json.dumps([block.body for block in bodies(LOCAL)])


@pytest.mark.parametrize("name", EVENTS)
def test_the_event_passes_the_conditions(name: str) -> None:
    block = next(one for one in bodies() if one.name == name)
    body = AutomationBody.model_validate(block.body)
    assert body.conditions
    assert all_hold(judge(body.conditions, {"event": block.event}))
    assert not all_hold(judge(body.conditions, {"event": {"data": {}}}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sequence", {"dlt_extract": [], "duckdb_transform": ["dlt_extract"], "http_request": ["duckdb_transform"]}),
        ("DAG", {"extract": [], "transform": ["extract"], "load": ["transform"], "notify": ["load"]}),
        ("port-based routing", {"check_data": [], "process_data": ["check_data"], "handle_empty": ["check_data"]}),
        ("step behind a port", {"approval_step": [], "process_approved": ["approval_step"]}),
    ],
)
def test_the_steps_wait_for_each_other_as_the_document_says(name: str, expected: dict[str, list[str]]) -> None:
    assert keys(name) == expected


@pytest.mark.parametrize("name", ["event trigger", "event automation"])
def test_both_spellings_of_the_kind_filter_the_same_events(name: str) -> None:
    body = AutomationBody.model_validate(next(one.body for one in bodies() if one.name == name))
    filters = body.trigger.stored()["filters"]
    assert passes(filters, {"actionKind": "dlt_extract"})
    assert not passes(filters, {"actionKind": "http_request"})


def test_blocks_are_found_in_a_text_that_glues_them_together() -> None:
    text = 'a {"b": {"c": 1}}{ "d": {...} }Then {path} and {"b": {"c": 1}}'
    assert blocks_in(text) == [{"b": {"c": 1}}, '{ "d": {...} }']
