"""Forms at approvals: what an approver fills in is checked, kept with the run, and asked for wherever one approves."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_records.people.people import Role
from vai_testkit.services import OtherServices
from vai_testkit.team import Team, make_team

RUNS, ACTIONS, AUTOMATIONS = "/api/v1/action-runs", "/api/v1/actions", "/api/v1/automations"
FIELDS = [
    {"name": "amount", "type": "integer", "required": True, "minimum": 1},
    {"name": "note", "title": "A word to the buyer", "max_length": 20},
]
GATED = {"source": "noop", "requires_approval": True, "approval_fields": FIELDS}


async def waiting(api: httpx2.AsyncClient, others: OtherServices, **definition: Any) -> str:
    answer = await api.post(RUNS, json={"kind": "dlt_extract", "definition": GATED | definition})
    assert answer.status_code == 201, answer.text
    assert answer.json()["approvalValues"] is None
    run_id: str = answer.json()["id"]
    await others.ask_approval(run_id)
    return run_id


async def approve(api: httpx2.AsyncClient, run_id: str, status: int = 200, **body: Any) -> Any:
    answer = await api.post(f"{RUNS}/{run_id}/approve", json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_what_is_filled_in_is_kept_with_the_run(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices, team: Team
) -> None:
    run_id = await waiting(api, others)
    found = await approve(api, run_id, values={"amount": 7})
    assert found["approvalValues"] == {"amount": 7, "note": None}
    assert (await api.get(f"{RUNS}/{run_id}")).json()["approvalValues"] == {"amount": 7, "note": None}
    (listed,) = (await api.get(RUNS)).json()["runs"]
    assert listed["approvalValues"] == {"amount": 7, "note": None}
    assert (await gateway.pool.fetchval("SELECT decided_by FROM runs WHERE id = $1", UUID(run_id))) == team.user_id
    await approve(api, run_id, 409, values={"amount": 8})
    await approve(api, run_id, 409)
    assert (await api.get(f"{RUNS}/{run_id}")).json()["approvalValues"]["amount"] == 7


@pytest.mark.parametrize(
    ("values", "place", "said"),
    [
        ({}, "amount", "the approval needs amount (a whole number)"),
        ({"amount": "7"}, "amount", 'must be a whole number, not "7"'),
        ({"amount": 0}, "amount", "0 is below 1, the least"),
        ({"amount": 1, "note": "x" * 21}, "note", "it has 21 characters, 20 is the most"),
        ({"amount": 1, "other": 1}, "other", "there is no field 'other'; there are amount, note"),
    ],
)
async def test_a_wrong_value_is_told_with_its_field_and_approves_nothing(
    api: httpx2.AsyncClient, others: OtherServices, values: dict[str, Any], place: str, said: str
) -> None:
    run_id = await waiting(api, others)
    (fault,) = (await approve(api, run_id, 422, values=values))["detail"]
    assert (fault["loc"], fault["msg"]) == (["body", "values", place], said)
    assert (await api.get(f"{RUNS}/{run_id}")).json()["status"] == "awaiting_approval"


async def test_without_a_body_what_is_required_is_named(api: httpx2.AsyncClient, others: OtherServices) -> None:
    (fault,) = (await approve(api, await waiting(api, others), 422))["detail"]
    assert fault["type"] == "missing"
    await approve(api, await waiting(api, others, approval_fields=FIELDS[1:]))
    (fault,) = (await approve(api, await waiting(api, others, approval_fields=None), 422, values={"a": 1}))["detail"]
    assert "asks for no values" in fault["msg"]


async def test_many_at_once_are_approved_only_where_nothing_must_be_filled_in(
    api: httpx2.AsyncClient, others: OtherServices
) -> None:
    asks, may = await waiting(api, others), await waiting(api, others, approval_fields=FIELDS[1:])
    body = {"operation": "approve", "runIds": [asks, may]}
    first, second = (await api.post(f"{RUNS}/bulk", json=body)).json()["results"]
    assert (first["status"], first["detail"][0]["loc"]) == (422, ["body", "values", "amount"])
    assert (second["status"], second["run"]["approvalValues"]) == (200, {"note": None})


async def test_others_do_not_fill_it_in(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices, team: Team
) -> None:
    run_id = await waiting(api, others)
    body = {"values": {"amount": 1}}
    strangers = await make_team(gateway.engine, "strangers")
    answer = await api.post(f"{RUNS}/{run_id}/approve", json=body, headers=strangers.headers(Role.ADMIN))
    assert answer.status_code == 404
    answer = await api.post(f"{RUNS}/{run_id}/approve", json=body, headers=team.headers(Role.VIEWER))
    assert answer.status_code == 403


async def test_who_starts_it_cannot_take_the_form_away(api: httpx2.AsyncClient, others: OtherServices) -> None:
    answer = await api.post(ACTIONS, json={"kind": "dlt_extract", "name": "a", "definition": GATED})
    assert answer.status_code == 201, answer.text
    run = await api.post(
        f"{ACTIONS}/{answer.json()['id']}/run", json={"definitionOverrides": {"approval_fields": None}}
    )
    assert run.json()["definition"]["approval_fields"] == FIELDS
    await others.ask_approval(run.json()["id"])
    await approve(api, run.json()["id"], values={"amount": 1})
    await others.end(run.json()["id"])
    again = await api.post(
        f"{RUNS}/{run.json()['id']}/run-again", json={"definitionOverrides": {"approval_fields": []}}
    )
    assert again.status_code == 201, again.text
    assert again.json()["definition"]["approval_fields"] == FIELDS
    assert again.json()["approvalValues"] is None


async def test_fields_without_an_approval_are_refused(api: httpx2.AsyncClient) -> None:
    definition = GATED | {"requires_approval": False}
    answer = await api.post(RUNS, json={"kind": "dlt_extract", "definition": definition})
    assert answer.status_code == 422
    assert "nobody is asked" in answer.json()["detail"][0]["msg"]
    definition = GATED | {"approval_fields": [FIELDS[0], FIELDS[0]]}
    answer = await api.post(RUNS, json={"kind": "dlt_extract", "definition": definition})
    assert "two fields have the name 'amount'" in answer.text


GATE = {"key": "ask", "kind": "approval_gate", "definition": {"title": "Send?", "approval_fields": FIELDS}}


def steps(value: Any, place: str = "body", kind: str = "http_request", **more: Any) -> list[dict[str, Any]]:
    definition = {"url": "https://a.test"} if kind == "http_request" else {}
    return [GATE, {"key": "b", "kind": kind, "depends_on": ["ask"], "definition": definition | {place: value} | more}]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (steps({"a": "$/steps/ask/approval/amuont"}), "has no field 'amuont'; it has amount, note"),
        (steps({"a": "$/steps/ask/approval/amount/x"}), "the field 'amount' has no parts"),
        (steps("$/steps/ask/approval/note", "timeout_seconds"), "$/steps/ask/approval/note is a text"),
        (steps({"kind": "reference", "ref": "$/steps/ask/approval/amount"}, "url"), "is an integer"),
        (
            steps(
                [{"field": "steps.ask.approval.amuont", "operator": "gt", "value": 1}],
                "conditions",
                "conditional_branch",
            ),
            "has no field 'amuont'",
        ),
        (
            [
                {"key": "a", "kind": "dlt_extract", "definition": {"source": "noop"}},
                {
                    "key": "b",
                    "kind": "http_request",
                    "depends_on": ["a"],
                    "definition": {"url": "https://a.test/$/steps/a/approval/x"},
                },
            ],
            "asks an approver for nothing",
        ),
    ],
)
async def test_what_names_a_field_is_checked_when_it_is_saved(
    api: httpx2.AsyncClient, written: list[dict[str, Any]], said: str
) -> None:
    for path in (AUTOMATIONS, f"{AUTOMATIONS}/validate"):
        answer = await api.post(path, json={"name": "a", "steps": written})
        assert answer.status_code == 422, answer.text
        assert said in answer.text


@pytest.mark.parametrize(
    "written",
    [
        steps({"a": "$/steps/ask/approval/amount", "b": "$/steps/ask/approval"}),
        steps("$/steps/ask/approval/amount", "timeout_seconds"),
        steps("https://a.test/${/steps/ask/approval/note|none}", "url"),
        steps(
            [{"field": "steps.ask.approval.amount", "operator": "gt", "value": 1}], "conditions", "conditional_branch"
        ),
    ],
)
async def test_what_fits_is_saved(api: httpx2.AsyncClient, written: list[dict[str, Any]]) -> None:
    answer = await api.post(AUTOMATIONS, json={"name": "a", "steps": written})
    assert answer.status_code == 201, answer.text
    assert answer.json()["warnings"] == []


async def test_a_form_that_is_filled_in_by_an_input_is_known_by_its_names(api: httpx2.AsyncClient) -> None:
    field = {"name": "amount", "type": "integer", "default": "$/inputs/amount", "title": "Of ${/inputs/amount}"}
    gate = {**GATE, "definition": {"approval_fields": [field]}}
    step = steps({"a": "$/steps/ask/approval/amuont"})[1]
    body = {"name": "a", "inputs": {"amount": {"type": "integer"}}, "steps": [gate, step]}
    answer = await api.post(AUTOMATIONS, json=body)
    assert "has no field 'amuont'; it has amount" in answer.text
    body["steps"] = [gate, steps({"a": "$/steps/ask/approval/amount"})[1]]
    assert (await api.post(AUTOMATIONS, json=body)).status_code == 201
