"""The automation of a recording, and the report that says why each part of it is as it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vai_records.crystallization.inputs import Inputs
from vai_records.crystallization.keeping import asked_until, completed, order_of_effects, useful
from vai_records.crystallization.origins import Known, leaves
from vai_records.crystallization.recording import Call, LeftOut, Recording
from vai_records.crystallization.referring import Referred, Referring, as_fixed, reads_as_more
from vai_records.definitions.kinds import AGENT_ONLY

Json = dict[str, Any]

LONGEST_KEY: Final = 40
_NO_KEY = re.compile(r"[^a-z0-9]+")
_INPUT = re.compile(r"\$\{/inputs/[^{}]*\}")
_UNUSED: Final = "nothing that followed used it"
_LEAST_WORDS: Final = 8
_FREE_TEXT: Final = ("body", "body_text", "form", "inputs")
_LONGEST_QUESTION: Final = 4_000
_MOST_RESULTS: Final = 5
_MOST_TOLD: Final = 5
_AT = re.compile(r"[./][0-9]+(?![^./}])")


class NothingToKeep(ValueError):
    """The run made no call that could become a step; the message says what it did instead."""


@dataclass
class Crystallized:
    """`automation` is a body for `POST /automations`, without a name; `report` says where everything came from."""

    automation: Json
    report: Json


@dataclass
class _Step:
    call: Call
    key: str
    referred: Referred
    written: list[Json] = field(default_factory=list)
    """Steps that a model works in: what they write stands in this one."""


def crystallize(recording: Recording, parameters: Mapping[str, Any] | None = None) -> Crystallized:
    """Raises `NothingToKeep`. `parameters`: names that the caller gives to values, which become inputs."""
    calls, left = completed(recording)
    if not calls:
        told = f": {left[0].tool} {left[0].why}" if left else " without any tool"
        raise NothingToKeep(f"no call of the run completed; it ended{told}")
    looked = Inputs.of_run(recording, parameters)
    first = _referred(calls, looked)
    wanted = useful(calls, {step.call.number: _used_by(step, first) for step in first}, recording)
    for call in calls:
        if call.number not in wanted:
            left.append(LeftOut(call.turn, call.tool, _UNUSED, call.run_id))
    # Inputs that only such calls used are none: what is kept is looked at again by itself.
    # A text of the question that is a value of one call stands within the texts of others, too.
    inputs = Inputs.of_run(recording, parameters, looked.said)
    steps = _referred([call for call in calls if call.number in wanted], inputs)
    written = _depending(steps)
    taken = {step.key for step in steps}
    for step in steps:
        _let_a_model_write(step, steps, recording, taken)
    automation = {
        "steps": [one for step in steps for one in (*step.written, written[step.key] | _late(step, written))],
        "inputs": inputs.declared,
    }
    kept = [step for step in first if step.call.number in wanted]
    doubts = [one for step in kept for one in _doubts(step, calls)]
    report = _report(steps, inputs, sorted(left, key=lambda one: one.turn), doubts)
    report["notes"] = [*report["notes"], *_what_stays(steps, recording), *_worked_out(kept, calls)]
    return Crystallized(automation, _with_lacking(report, recording))


def _referred(calls: Sequence[Call], inputs: Inputs) -> list[_Step]:
    keys = _keys(calls)
    known = Known()
    referring = Referring(known, inputs, keys)
    steps: list[_Step] = []
    turn, waiting = 0, list[Call]()
    for call in calls:
        if call.turn != turn:  # what was asked for together has not seen each other's results
            for one in waiting:
                known.add(one.number, one.sources)
            turn, waiting = call.turn, []
        steps.append(_Step(call, keys[call.number], referring.arguments(call.given)))
        waiting.append(call)
    return steps


def _keys(calls: Sequence[Call]) -> dict[int, str]:
    keys: dict[int, str] = {}
    for call in calls:
        stem = _NO_KEY.sub("_", call.tool.lower()).strip("_")[:LONGEST_KEY] or "step"
        stem = stem if stem[0].isalpha() else f"step_{stem}"
        number, key = 1, stem
        while key in keys.values():
            number += 1
            key = f"{stem}_{number}"
        keys[call.number] = key
    return keys


def _depending(steps: Sequence[_Step]) -> dict[str, Json]:
    """Each step as an automation writes it, behind those alone that it must wait for."""
    keys = {step.call.number: step.key for step in steps}
    effects = order_of_effects([step.call for step in steps])
    reached: dict[int, set[int]] = {}
    written: dict[str, Json] = {}
    for step in steps:
        number = step.call.number
        direct = step.referred.calls | effects.get(number, set())
        through = set().union(*(reached[one] for one in direct)) if direct else set()
        reached[number] = direct | through
        # What is reached through another one need not be named, unless its values are used.
        named = sorted(one for one in direct if one not in through or one in step.referred.calls)
        written[step.key] = {"key": step.key, "action": _action(step)}
        if named:
            written[step.key]["depends_on"] = [keys[one] for one in named]
    return written


def _late(step: _Step, written: Mapping[str, Json]) -> Json:
    """What a model writes for the step comes before it."""
    if not step.written:
        return {}
    before = written[step.key].get("depends_on", [])
    return {"depends_on": [*before, *(one["key"] for one in step.written)], "action": _action(step)}


def _action(step: _Step) -> Json:
    call = step.call
    given = {**as_fixed(call.fixed or {}), **step.referred.given}
    if call.approval:
        given["requires_approval"] = True
    if call.action is not None:
        overrides = {**step.referred.given, **({"requires_approval": True} if call.approval else {})}
        return {"action_id": call.action, **({"definition_overrides": overrides} if overrides else {})}
    return {"kind": AGENT_ONLY.get(call.kind, call.kind), "definition": given}


# What a model wrote --------------------------------------------------------------------------------------------------


def _let_a_model_write(step: _Step, steps: Sequence[_Step], recording: Recording, taken: set[str]) -> None:
    """A longer text that no result had, written after results were read: with other data it would say other things."""
    before = _seen_by(step, steps)
    if not before:
        return
    writing = _Writing(step, before, recording, taken)
    for name in _FREE_TEXT:
        if name in step.referred.given:
            step.referred.given[name] = writing.written(step.referred.given[name], step.call.given[name], name)


def _seen_by(step: _Step, steps: Sequence[_Step]) -> Sequence[_Step]:
    """The last steps whose results the model had read when it wrote."""
    return [one for one in steps if one.call.turn < step.call.turn][-_MOST_RESULTS:]


def _used_by(step: _Step, steps: Sequence[_Step]) -> set[int]:
    """The calls whose results stand in a step, or were what a model wrote a text of it from."""
    texts = [value for name in _FREE_TEXT for _, value in leaves(step.referred.given.get(name))]
    seen = _seen_by(step, steps) if any(map(_is_free, texts)) else []
    return step.referred.calls | {one.call.number for one in seen}


def _is_free(value: Any) -> bool:
    """Whether a value is a text of the model's own, in which nothing stands that came from a result."""
    if not isinstance(value, str) or "${/steps/" in value or (value.startswith("$/") and " " not in value):
        return False
    return len(_INPUT.sub("", value).split()) >= _LEAST_WORDS


@dataclass(frozen=True)
class _Writing:
    """Puts steps in which a model writes in place of the texts that it wrote; `taken` are the keys of all steps."""

    step: _Step
    before: Sequence[_Step]
    recording: Recording
    taken: set[str]

    def written(self, value: Any, was: Any, place: str) -> Any:
        """`value` as the step has it; `was` is what the model had set there."""
        if isinstance(was, str):
            text = value["values"] if isinstance(value, dict) else value
            return self._step_for(was, place) if _is_free(text) else value
        if isinstance(value, dict) and isinstance(was, dict) and value.keys() == was.keys():
            return {key: self.written(one, was[key], f"{place}.{key}") for key, one in value.items()}
        if isinstance(value, list) and isinstance(was, list):
            return [self.written(one, was[n], f"{place}.{n}") for n, one in enumerate(value)]
        return value

    def _step_for(self, was: str, place: str) -> str:
        number, key = 1, f"write_{self.step.key}"
        while key in self.taken:
            number += 1
            key = f"write_{self.step.key}_{number}"
        self.taken.add(key)
        question: Any = (
            f"Write the text for {place[:200]} of {self.step.call.tool}, and nothing else. The inputs hold the data "
            f"that it is about. It belongs to this work: {self.recording.question[:1_500]}\n\n"
            f"For other data it was:\n{was[:1_500]}"
        )[:_LONGEST_QUESTION]
        if reads_as_more(question):
            question = {"kind": "static", "values": question}
        results = {one.key: f"$/steps/{one.key}/result" for one in self.before}
        definition = {"agent": self.recording.agent, "question": question, "inputs": results}
        action = {"kind": "call_agent", "definition": definition}
        self.step.written.append({"key": key, "action": action, "depends_on": [*results]})
        return f"$/steps/{key}/result/answer"


# The report ----------------------------------------------------------------------------------------------------------


def _doubts(step: _Step, calls: Sequence[Call]) -> list[Json]:
    by_number = {call.number: call for call in calls}
    found = []
    for doubt in step.referred.unsure:
        other = by_number[doubt.equals.call]
        path = "/".join(map(str, doubt.equals.path))
        equals = f"{path} of {other.tool} in turn {other.turn}"
        found.append({"tool": step.call.tool, "turn": step.call.turn, "place": doubt.place, "value": doubt.value,
                      "equals": equals})  # fmt: skip
    return found


def _report(steps: Sequence[_Step], inputs: Inputs, left: Sequence[LeftOut], doubts: Sequence[Json]) -> Json:
    references = [{"step": step.key, **one} for step in steps for one in step.referred.evidence]
    models = [
        {"step": one["key"], "why": f"a text that a model wrote from the data stands in {step.key}"}
        for step in steps
        for one in step.written
    ]
    models += [
        {"step": step.key, "why": "an agent did this part of the work"}
        for step in steps
        if step.call.kind == "call_agent" and step.call.action is None
    ]
    models += [
        {"step": step.key, "why": "a model writes the query for its question"}
        for step in steps
        if step.call.kind == "generate_query" and "question" in step.call.given
    ]
    return {
        "steps": [
            {"key": step.key, "tool": step.call.tool, "turn": step.call.turn, "runId": step.call.run_id}
            for step in steps
        ],
        "references": references,
        "inputs": [{"name": name, "why": inputs.evidence[name]} for name in inputs.declared],
        "unusedParameters": inputs.unused,
        "leftOut": [one.as_json() for one in left],
        "unsure": list(doubts),
        "needsModel": models,
        "notes": _notes(steps, inputs, models, left),
    }


def _with_lacking(report: Json, recording: Recording) -> Json:
    """What an MCP server did for the agent is named: the automation lacks it, and what came of it is as it was then."""
    lacking = recording.by_servers
    if not lacking:
        return {**report, "lacks": []}
    names = ", ".join(sorted({f"{one.tool} of {one.connection}" for one in lacking}))
    note = (
        f"The automation lacks what MCP servers did ({names}): values that came from there stay as they were in this "
        "run. Keep the agent for this part, or put a step in its place."
    )
    return {**report, "lacks": [one.as_json() for one in lacking], "notes": [*report["notes"], note]}


def _notes(steps: Sequence[_Step], inputs: Inputs, models: Sequence[Json], left: Sequence[LeftOut]) -> list[str]:
    notes = []
    if not models:
        notes.append("No step needs a model.")
    else:
        notes.append(f"{len(models)} of the steps need a model: {', '.join(one['step'] for one in models)}.")
    tools = [step.call.tool for step in steps]
    notes += [
        f"{tool} was called {tools.count(tool)} times, and is so many steps: a longer list needs more."
        for tool in sorted({tool for tool in tools if tools.count(tool) > 2})
    ]
    if days := sorted(name for name, one in inputs.declared.items() if one.get("required")):
        notes.append(f"{', '.join(days)} must be given in each run: the agent had written a day that it knew.")
    changed = max((step.call.turn for step in steps if not step.call.only_reads), default=0)
    if decided := sorted({one.tool for one in left if one.why == _UNUSED and one.turn < changed}):
        notes.append(
            f"The agent may have decided by what {', '.join(decided)} told it; the automation does not decide."
        )
    notes.append("What the agent answered at the end is no step: the results of the steps are what it was made of.")
    return notes


def _what_stays(steps: Sequence[_Step], recording: Recording) -> Iterator[str]:
    """What other data would need otherwise: lists that were written out, and waiting."""
    for step in steps:
        for place, count in _written_out(step).items():
            yield f"{place} of {step.key} names {count} values of one list: where it is longer, the others are missing."
    for tool, times in asked_until(recording).items():
        yield f"{tool} was asked the same {times} times until it answered something else; no step waits for that."


def _worked_out(steps: Sequence[_Step], calls: Sequence[Call]) -> Iterator[str]:
    """Numbers that a model found by itself from results that it had read: they stay as they are."""
    begins = min(call.turn for call in calls)
    told = [(step.call, one) for step in steps if step.call.turn > begins for one in step.referred.own]
    for call, (place, value) in told[:_MOST_TOLD]:
        yield f"{place} of {call.tool} in turn {call.turn} is always {value}: no result and no question has it."


def _written_out(step: _Step) -> dict[str, int]:
    """The places of a step that refer to one element of a list after the other, and to how many."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in step.referred.evidence:
        if one["reference"].lstrip("${").startswith("/steps/"):
            same = _AT.sub("", one["place"]), _AT.sub("/*", one["reference"])
            found.setdefault(same, set()).add(one["reference"])
    return {place: len(told) for (place, _), told in found.items() if len(told) > 1}
