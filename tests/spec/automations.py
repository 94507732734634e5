"""Every JSON block of document 002 as the body of an automation that can be saved and run (decision 46).

The blocks are data (`examples/002.json`), as they stand in the document. What is put in their place, and why, is listed
here: SUBSTITUTIONS for what the document leaves out or what exists nowhere else, LIVE for what this version or a test
cannot reach, BEFORE for the steps that a fragment speaks of. Everything else is the document's own.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

BLOCKS: dict[str, Any] = json.loads((Path(__file__).parent / "examples" / "002.json").read_text())

HOOK = "https://hooks.example.com/"
"""Where the calls go whose address the document does not say."""

_EXTRACT = '{"source": "noop"}'
_TRANSFORM = '{"sql": "SELECT 1 AS one"}'
_EXPORT = '{"path": "load", "folder": "load"}'
_CALL = json.dumps({"url": HOOK})
_CONDITIONS = '"definition": {"conditions": [{"field": "inputs.rows", "operator": "gt", "value": 0}]}'
_NOOP_ACTION = f'"action": {{"kind": "dlt_extract", "definition": {_EXTRACT}}}'

SUBSTITUTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "sequence": (("{...}", _EXTRACT), ("{...}", _TRANSFORM), ("{...}", _CALL)),
    "DAG": (("{...}", _EXTRACT), ("{...}", _TRANSFORM), ("{...}", _EXPORT), ("{...}", _CALL)),
    # a slug has no underscores
    "step with a saved action": (("act_abc123def456", "act-abc123def456"),),
    "step behind a port": (("{...}", _TRANSFORM),),
    "parallel execution": (("[...]", f"[{{{_NOOP_ACTION}}}]"),),
    "port-based routing": (
        ('"conditional_branch", ...', f'"conditional_branch", {_CONDITIONS}'),
        # the block leaves these actions out without an ellipsis
        ('"key": "process_data",', f'"key": "process_data", {_NOOP_ACTION},'),
        ('"key": "handle_empty",', f'"key": "handle_empty", {_NOOP_ACTION},'),
    ),
    "always": (("{...}", _CALL),),
    "on_success": (("{...}", _CALL),),
    "event automation": (("{...}", _TRANSFORM),),
    "webhook automation": (("{...}", _EXTRACT),),
}
"""By block: what stands in the document and what it becomes, each at the first place that is left."""

LIVE: tuple[tuple[str, str], ...] = (
    # there is no shop here; `sample` makes tables of any name
    ('"source": "shopify"', '"source": "sample", "rows": 10'),
    ("https://alerts.example.com/webhook", HOOK),
    # the block has no address
    ('"method": "POST", "body": {"rows_extracted"', f'"method": "POST", "url": "{HOOK}", "body": {{"rows_extracted"'),
    # what a call answers is in its result's `body`
    ("$/steps/setup/result/connection_id", "$/steps/setup/result/body/connection_id"),
)
"""In all blocks that are run, too."""

ACTIONS: dict[str, Json] = {
    "step with a saved action": {
        "name": "Saved",
        "slug": "act-abc123def456",
        "kind": "dlt_extract",
        "definition": {"source": "noop"},
    }
}
"""Saved actions that a block refers to."""

CONNECTION: Json = {"name": "Shopify", "slug": "shopify", "provider": "shopify"}
"""The connection that blocks refer to by its slug, and which the step `setup` answers."""

_SAMPLE: Json = {"kind": "dlt_extract", "definition": {"source": "sample", "resources": ["orders"], "rows": 10}}
_NOOP: Json = {"kind": "dlt_extract", "definition": {"source": "noop"}}
_BRANCH: Json = {
    "kind": "conditional_branch",
    "definition": {"conditions": [{"field": "n", "operator": "ne", "value": 1}]},
}
_GATE: Json = {"kind": "approval_gate", "definition": {}}
_CALLING: Json = {"kind": "http_request", "definition": {"url": HOOK}}

BEFORE: dict[str, list[Json]] = {
    "step behind a port": [{"key": "approval_step", "action": _GATE}],
    "dependency on a step": [{"key": "key", "action": _NOOP}],
    "dependency on a port": [{"key": "key", "action": _GATE}],
    "reference to a result": [{"key": "extract", "action": _SAMPLE}],
    "references deep inside": [{"key": "extract", "action": _SAMPLE}],
    "reference object": [{"key": "setup", "action": _CALLING}],
    "on_error": [{"key": "extract_data", "action": _NOOP}],
    "always": [{"key": "transform_data", "action": _NOOP}],
    "on_success": [{"key": "load_to_warehouse", "action": _NOOP}],
}
"""By block: the steps before it."""

INPUTS: dict[str, Json] = {
    "reference to an input": {"sync_start_date": "2026-01-01"},
    "references deep inside": {"notification": {"email": "ann@example.com"}},
    "port-based routing": {"rows": 3},
}
"""By block: what it is triggered with."""

EVENTS: dict[str, Json] = {
    "condition on a number": {"orderTotal": 120},
    "two conditions": {"status": "new", "region": "CA"},
    "condition on a nested field": {"customer": {"tier": "enterprise"}},
    "event automation": {"recordCount": 12},
}
"""By block: the data of an event that its conditions let through."""


@dataclass(frozen=True)
class Block:
    """A block as the body of POST /automations, and what has to be there before."""

    name: str
    body: Json
    actions: list[Json] = field(default_factory=list)
    connections: list[Json] = field(default_factory=list)
    inputs: Json = field(default_factory=dict)
    event: Json | None = None


def bodies(live: str | None = None) -> list[Block]:
    """All blocks, in the document's order; nothing is left out.

    `live` is the address of a server that answers GET and POST with `{"connection_id": "shopify"}`: with it the bodies
    can be run, without it they are as near to the document as can be saved.
    """
    return [_block(name, live) for name in BLOCKS]


def filled(name: str) -> Json:
    """A block without what it leaves out."""
    return _parsed(_text(name), SUBSTITUTIONS.get(name, ()))


def _block(name: str, live: str | None) -> Block:
    body = _hosted(name, filled(name))
    if live is not None:
        present = [pair for pair in LIVE if pair[0] in json.dumps(body)]
        body = json.loads(json.dumps(_parsed(json.dumps(body), present)).replace(HOOK, live))
    data = EVENTS.get(name)
    return Block(
        name,
        body,
        actions=[ACTIONS[name]] if name in ACTIONS else [],
        connections=[CONNECTION] if name in ("step with its definition", "reference object") else [],
        inputs=INPUTS.get(name, {}),
        event=None if data is None else {"type": "test", "data": data},
    )


def _text(name: str) -> str:
    block = BLOCKS[name]
    return block if isinstance(block, str) else json.dumps(block)


def _parsed(text: str, substitutions: Iterable[tuple[str, str]]) -> Json:
    for given, instead in substitutions:
        assert given in text, f"{given!r} is not in {text!r}"
        text = text.replace(given, instead, 1)
    parsed: Json = json.loads(text)
    return parsed


def _hosted(name: str, block: Json) -> Json:
    """An automation as it is; a fragment within one that has nothing else but what the fragment speaks of."""
    before = BEFORE.get(name, [])
    if "steps" in block or "actions" in block:
        return {"name": name, **block}
    if "trigger" in block or "conditions" in block:
        # no extraction: the block's own trigger must not be set off by its step
        return {"name": name, "steps": [{"key": "only", "action": _BRANCH}], **block}
    if "key" in block:
        return {"name": name, "steps": [*before, block]}
    if "step" in block:
        return {"name": name, "steps": [*before, {"key": "after", "action": _NOOP, "depends_on": [block]}]}
    work = {"kind": "dlt_extract", "definition": {"source": "sample", "rows": 10, **block}}
    after = [step["key"] for step in before]
    return {"name": name, "steps": [*before, {"key": "only", "action": work, "depends_on": after}]}
