"""Saves steps as people write them, for the tests of this folder."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from vai_records.automations.body import AutomationBody
from vai_records.automations.saved_steps import Context, SavedAction, saved_steps
from vai_records.refused import Refused

Json = dict[str, Any]

NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
GATE = {"kind": "approval_gate", "definition": {}}
BRANCH = {"kind": "conditional_branch", "definition": {"conditions": [{"field": "n", "operator": "eq", "value": 1}]}}
CASES = {
    "kind": "conditional_branch",
    "definition": {
        "cases": [{"name": "big", "conditions": [{"field": "n", "operator": "gt", "value": 9}]}],
        "default": "small",
    },
}
SAVED = SavedAction(
    UUID(int=7), "http_request", {"url": "https://x.test/$/inputs/day", "headers": {"Authorization": {"secret": True}}}
)
ACTIONS = {"ping": SAVED, str(SAVED.id): SAVED}


def save(body: Json, kept: Mapping[str, Json] | None = None) -> tuple[list[Json], dict[str, Json]]:
    made = AutomationBody.model_validate({"name": "A", **body})
    sequence = made.actions is not None
    steps = made.actions if made.actions is not None else made.steps or []
    inputs = {name: one.model_dump() for name, one in made.inputs.items()}
    at = ("body", "actions" if sequence else "steps")
    return saved_steps(steps, Context(inputs, ACTIONS, kept or {}), at, in_sequence=sequence)


def saved(*steps: Json, **more: Any) -> list[Json]:
    return save({"steps": list(steps), **more})[0]


def faults(*steps: Json, **more: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        saved(*steps, **more)
    return [f"{'.'.join(map(str, place))}: {message}" for place, message, _ in caught.value.faults]


def http(body: Any = None, **more: Any) -> Json:
    return {"kind": "http_request", "definition": {"url": "https://x.test", "body": body}, **more}


def sql(text: str, **more: Any) -> Json:
    return {"kind": "duckdb_transform", "definition": {"sql": text}, **more}
