"""The kind `conditional_branch`: chooses the port by which an automation goes on (document 002, "Port-Based
Routing").
"""

from typing import Any

from vai_records.definitions.conditional_branch import ConditionalBranch as Definition
from vai_records.definitions.conditions import all_hold, judge
from vai_worker.owned import Owned


class ConditionalBranch:
    """Checks the conditions against the definition's `input`. The result's `port` says where the automation goes on."""

    name = "conditional_branch"
    reads = Definition

    async def perform(self, run: Owned) -> dict[str, Any]:
        return route(run.definition_as(Definition))


def route(definition: Definition) -> dict[str, Any]:
    """The port, and every condition that was checked, with its value."""
    if definition.conditions is not None:
        judged = judge(definition.conditions, definition.input)
        port = "true" if all_hold(judged) else "false"
        return {"port": port, "evaluated": [one.as_json() for one in judged]}
    return _first_case(definition)


def _first_case(definition: Definition) -> dict[str, Any]:
    evaluated: list[dict[str, Any]] = []
    for case in definition.cases or ():
        judged = judge(case.conditions, definition.input)
        evaluated += [{"case": case.name, **one.as_json()} for one in judged]
        if all_hold(judged):
            return {"port": case.name, "evaluated": evaluated}
    return {"port": definition.default, "evaluated": evaluated}
