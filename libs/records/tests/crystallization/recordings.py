"""Recordings of agents' runs, told as a test would: calls of tools turn by turn."""

from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from vai_records.automations.body import AutomationBody
from vai_records.automations.references import Reference, resolve
from vai_records.automations.saved_steps import Context, SavedAction, action_references, read_steps
from vai_records.crystallization.automation import Crystallized
from vai_records.crystallization.recording import Call, LeftOut, Recording

Json = dict[str, Any]
DAY = date(2026, 3, 17)


@dataclass
class Told:
    """A run that is told call by call."""

    question: str
    inputs: Json = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    refused: list[LeftOut] = field(default_factory=list)

    def call(self, turn: int, tool: str, kind: str, given: Json, result: Any = None, **more: Any) -> "Told":
        number = len(self.calls) + 1
        self.calls.append(Call(number, turn, tool, kind, given, f"run-{number}", more.pop("status", "completed"),
                               result, **more))  # fmt: skip
        return self

    def get(self, turn: int, url: str, result: Any = None, **more: Any) -> "Told":
        body = {"status_code": 200, "body": result}
        return self.call(turn, "http_request", "http_request", {"method": "GET", "url": url}, body, **more)

    def post(self, turn: int, url: str, body: Any, result: Any = None, **more: Any) -> "Told":
        given = {"method": "POST", "url": url, "body": body}
        return self.call(turn, "http_request", "http_request", given, {"status_code": 201, "body": result}, **more)

    def query(self, turn: int, sql: str, rows: Any = (), **more: Any) -> "Told":
        result = {"sql": sql, "rows": list(rows), "row_count": len(rows)}
        fixed = {"datasets": ["silver.orders"]}
        return self.call(turn, "query_datasets", "generate_query", {"sql": sql}, result, fixed=fixed, **more)

    def ended(self, text: str = "Done.", output: Any = None) -> Recording:
        return Recording("analyst", self.question, self.inputs, self.calls, self.refused, text, output, DAY)


def steps_of(made: Crystallized) -> dict[str, Json]:
    return {step["key"]: step for step in made.automation["steps"]}


def filled(made: Crystallized, results: dict[str, Any], inputs: Json | None = None) -> dict[str, Json]:
    """What each step would run, with these results of steps and these inputs beside the defaults."""
    declared = {name: one.get("default") for name, one in made.automation["inputs"].items()}
    steps = {key: {"status": "completed", "result": result} for key, result in results.items()}
    look_up = partial(Reference.look_up, values={"inputs": declared | (inputs or {}), "steps": steps})
    return {key: _filled(step["action"], look_up) for key, step in steps_of(made).items()}


def _filled(action: Json, look_up: Any) -> Json:
    kind = action.get("kind", "http_request")
    return resolve(kind, action.get("definition") or action.get("definition_overrides") or {}, look_up)


def results_of(made: Crystallized, recording: Recording) -> dict[str, Any]:
    """What the recorded calls came to, by the steps that they have become."""
    by_run = {call.run_id: call.result for call in recording.calls}
    return {step["key"]: by_run[step["runId"]] for step in made.report["steps"]}


def given_of(made: Crystallized, recording: Recording) -> dict[str, Json]:
    """What the model had set in the calls that have become steps."""
    by_run = {call.run_id: call for call in recording.calls}
    return {step["key"]: by_run[step["runId"]].given for step in made.report["steps"]}


def with_results(recording: Recording, new: dict[int, Any]) -> Recording:
    """The same calls on other data."""
    calls = [replace(call, result=new.get(call.number, call.result)) for call in recording.calls]
    return replace(recording, calls=calls)


def check_saved(made: Crystallized) -> None:
    """Raises what saving it would."""
    body = AutomationBody.model_validate({"name": "x", **made.automation})
    steps = body.steps or []
    saved = SavedAction(UUID(int=1), "dlt_extract", {"source": "rest_api", "base_url": "https://x.example.com"})
    inputs = {name: one.model_dump() for name, one in body.inputs.items()}
    read_steps(steps, Context(inputs, dict.fromkeys(action_references(steps), saved)), ("steps",), in_sequence=False)
