"""Every fault and every warning of an automation is told at a place that is in the body as it was sent.

A step may be written in two ways and its fields be spelled in two (document 002): nobody is sent to a field that is
not there. A place may end with what is missing, where it would be written.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any

import httpx2
import pytest
from pydantic.alias_generators import to_camel

from vai_api_gateway.problems import ProblemBody

Json = dict[str, Any]

AUTOMATIONS = "/api/v1/automations"
MISSING = ("missing", "not_yet")
NOOP: Json = {"action": {"kind": "dlt_extract", "definition": {"source": "noop"}}}
SHARED: Json = {"sql": "SELECT 1 AS n", "transform_name": "shared"}
BRANCH: Json = {"conditions": [{"field": "inputs.token", "operator": "eq", "value": 1}]}
ODD: Json = {"conditions": [{"field": "event.a[0]", "operator": "eq", "value": 1}], "input": {"event": {}}}
FORM: Json = {"title": "Go?", "approval_fields": [{"name": "day", "type": "string"}]}


def does(kind: str, **definition: Any) -> Json:
    return {"action": {"kind": kind, "definition": definition}}


def saved(name: str, **overrides: Any) -> Json:
    return {"action": {"action_id": name, **({"definition_overrides": overrides} if overrides else {})}}


FAULTS: dict[str, list[Json]] = {
    "no kind": [{"action": {"definition": {}}}],
    "an unknown kind": [does("nothing")],
    "a kind for agents alone": [does("agent_search", query="x")],
    "a kind of a wrong type": [{"action": {"kind": 7, "definition": {}}}],
    "a definition of a wrong type": [{"action": {"kind": "dlt_extract", "definition": []}}],
    "overrides of no action": [{"action": {"kind": "dlt_extract", "definition_overrides": {}}}],
    "an unknown field": [{**NOOP, "colour": "red"}],
    "a bad key": [{"key": "A", **NOOP}],
    "one key twice": [{"key": "a", **NOOP}, {"key": "a", **NOOP}],
    "a wrong type": [does("dlt_extract", source=7)],
    "a wrong type further in": [does("http_request", url="https://x.test", retry={"max_attempts": "x"})],
    "an unknown field of a definition": [does("http_request", url="https://x.test", colour="red")],
    "a reference outside of a literal": [does("duckdb_transform", sql="SELECT $/inputs/day")],
    "a reference as SQL": [does("duckdb_transform", sql={"kind": "reference", "ref": "$/inputs/day"})],
    "an unknown step": [{"key": "a", **NOOP, "depends_on": ["b"]}],
    "an unknown port": [{"key": "a", **NOOP}, {"key": "b", **NOOP, "depends_on": [{"step": "a", "port": "x"}]}],
    "a cycle": [{"key": "a", **NOOP, "depends_on": ["b"]}, {"key": "b", **NOOP, "depends_on": ["a"]}],
    "on_error of nothing": [{"key": "a", **NOOP, "condition": {"type": "on_error"}}],
    "a wrong condition": [{"key": "a", **NOOP, "condition": {"type": "sometimes"}}],
    "a wrong dependency": [{"key": "a", **NOOP, "depends_on": [{"step": 7}]}],
    "an unknown action": [saved("gone")],
    "a wrong override": [saved("plain", source=7)],
    "what an override makes wrong": [saved("post", body_text="x")],
    "an unknown reference": [does("http_request", url="$/steps/b/result/x")],
    "an unknown reference of a saved action": [saved("refers")],
    "a bad reference": [does("http_request", url="https://x.test", body={"a": "$/steps//x"})],
    "an unknown variable": [does("http_request", url="https://x.test", body={"a": ["$/vars/nobody"]})],
    "a secret input where it may not be": [does("http_request", url="https://x.test", method="$/inputs/token")],
    "a condition on a secret input": [does("conditional_branch", **BRANCH)],
    "a form that asks nothing": [
        {"key": "gate", **does("approval_gate", title="Go?")},
        {**does("http_request", url="https://x.test/$/steps/gate/approval/day"), "depends_on": ["gate"]},
    ],
    "a form's value of another type": [
        {"key": "gate", **does("approval_gate", **FORM)},
        {**does("http_request", url="https://x.test", timeout_seconds="$/steps/gate/approval/day"),
         "depends_on": ["gate"]},
    ],
    "a call of nobody": [does("call_automation", automation="gone")],
    "a call of nobody by a saved action": [saved("calls")],
    "a call of nobody by an override": [saved("calls", automation="elsewhere")],
    "a call of itself": [does("call_automation", automation="placed")],
}  # fmt: skip
WARNINGS: dict[str, list[Json]] = {
    "an incomplete definition": [does("http_request", method="GET")],
    "no definition": [{"action": {"kind": "duckdb_transform"}}],
    "another word for a kind": [{"action": {"kind": "export"}}],
    "an incomplete saved action": [saved("bare")],
    "a saved action with an override": [saved("bare", output_layer="gold")],
    "an unknown connection": [does("dlt_extract", source="noop", connection="gone")],
    "an unknown connection of an override": [saved("plain", connection="gone")],
    "an odd field": [does("conditional_branch", **ODD)],
    "an odd field of a saved action": [saved("odd")],
    "a shared table": [does("duckdb_transform", **SHARED)],
}
_ACTIONS: dict[str, tuple[str, Json]] = {
    "plain": ("dlt_extract", {"source": "noop"}),
    "post": ("http_request", {"url": "https://x.test", "method": "POST", "body": {"a": 1}}),
    "refers": ("http_request", {"url": "https://x.test/$/steps/b/result/x"}),
    "bare": ("duckdb_transform", {}),
    "odd": ("conditional_branch", ODD),
    "calls": ("call_automation", {"automation": "gone"}),
    "shares": ("duckdb_transform", SHARED),
}
_STEP_FIELDS = ("depends_on",)
_ACTION_FIELDS = ("action_id", "definition_overrides")


def spelled(step: Json, fields: tuple[str, ...], *, is_camel: bool) -> Json:
    return {to_camel(name) if is_camel and name in fields else name: value for name, value in step.items()}


def written(steps: list[Json], *, is_flat: bool, is_camel: bool) -> list[Json]:
    """The steps, as they are written in one of the four ways."""
    found = []
    for step in steps:
        action = spelled(step["action"], _ACTION_FIELDS, is_camel=is_camel)
        rest = spelled({key: value for key, value in step.items() if key != "action"}, _STEP_FIELDS, is_camel=is_camel)
        found.append({**rest, **action} if is_flat else {**rest, "action": action})
    return found


def ways(steps: list[Json]) -> Iterator[Json]:
    names = ("steps",) if any("depends_on" in step for step in steps) else ("steps", "actions")
    for name, is_flat, is_camel in product(names, (True, False), (True, False)):
        inputs = {"token": {"type": "secret"}}
        yield {"name": "placed", "inputs": inputs, name: written(steps, is_flat=is_flat, is_camel=is_camel)}


def missing_of(place: list[str | int], body: Json) -> list[str | int]:
    """The part of a place that is not in what was sent; empty: all of it is."""
    first, *rest = place
    assert first == "body", place
    value: Any = body
    for number, part in enumerate(rest):
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return rest[number:]
    return []


def assert_is_there(told: Json, body: Json) -> None:
    missing = missing_of(told["loc"], body)
    about = (told, body)
    assert told["loc"][1] in ("steps", "actions"), about
    assert isinstance(told["loc"][2], int), about
    if told["type"] in MISSING:
        assert all(isinstance(part, str) for part in missing), about
        assert "action" not in missing, about
    else:
        assert not missing, about


@pytest.fixture
async def home(api: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """An organisation with saved actions of each kind of trouble."""
    for slug, (kind, definition) in _ACTIONS.items():
        body = {"name": slug, "slug": slug, "kind": kind, "definition": definition}
        assert (await api.post("/api/v1/actions", json=body)).status_code == 201
    return api


async def answers(
    home: httpx2.AsyncClient, table: dict[str, list[Json]]
) -> AsyncIterator[tuple[str, Json, httpx2.Response]]:
    """What creating, changing and validating answers to each of a table, written in each way. Slugs are new ones."""
    made = (await home.post(AUTOMATIONS, json={"name": "changed", "steps": [NOOP]})).json()
    paths = (("POST", AUTOMATIONS), ("POST", f"{AUTOMATIONS}/validate"), ("PATCH", f"{AUTOMATIONS}/{made['id']}"))
    for name, steps in table.items():
        for body in ways(steps):
            for method, path in paths:
                answer = await home.request(method, path, json=body)
                yield name, body, answer


async def test_each_fault_is_told_at_a_place_that_was_sent(home: httpx2.AsyncClient) -> None:
    async for name, body, answer in answers(home, FAULTS):
        assert answer.status_code == 422, (name, answer.text)
        for told in ProblemBody.model_validate(answer.json()).model_dump()["detail"]:
            assert_is_there(told, body)


async def test_each_warning_is_told_at_a_place_that_was_sent(home: httpx2.AsyncClient) -> None:
    async for name, body, answer in answers(home, WARNINGS):
        assert answer.status_code in (200, 201), (name, answer.text)
        assert answer.json()["warnings"], (name, body)
        for told in answer.json()["warnings"]:
            assert_is_there(told, body)
