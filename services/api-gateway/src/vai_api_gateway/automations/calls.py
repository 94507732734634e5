"""Checks the calls of an automation: the called ones exist, and no call leads back (document 002, "Step Types")."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from vai_common.queries import Pool
from vai_records.automations import automations
from vai_records.automations.body import Places
from vai_records.automations.inputs import BY_HAND
from vai_records.automations.saved_steps import SavedAction
from vai_records.catalogue.naming import id_in
from vai_records.refused import refused

Json = dict[str, Any]

_KIND = "call_automation"


def calls_of(steps: Sequence[Json], known: Mapping[str, SavedAction]) -> dict[str, int]:
    """The automations that steps call, by name, and the place of the first step that does.

    Names that come from a reference are known only when the automation runs.
    """
    definitions = {str(action.id): action.definition for action in known.values()}
    found: dict[str, int] = {}
    for place, step in enumerate(steps):
        if step["kind"] == _KIND:
            name = (definitions.get(step["action_id"], {}) | step["definition"]).get("automation")
            if isinstance(name, str) and "$/" not in name:
                found.setdefault(name, place)
    return found


async def refuse_bad_calls(
    pool: Pool, org_id: UUID, identity: tuple[UUID, str], calls: Mapping[str, int], at: Places
) -> dict[str, UUID]:
    """The ids of the called automations, by name.

    Raises `Refused` for a call of an unknown automation, and for one that leads back here, which would never end.

    `identity` are the id and the slug that the automation has, or is about to get.
    """
    asked: set[str] = set()
    names = dict(calls)
    ids: dict[str, UUID] = {}
    while names:
        for name, place in names.items():
            if name == identity[1] or id_in(name) == identity[0]:
                raise refused(at.definition(place, "automation"), _loop(name, calls), "cycle")
        found = await automations.named(pool, org_id, sorted(names))
        for name, place in calls.items():
            if name in found and found[name]["needs_secret"]:
                message = f"the automation {name!r} needs a secret input, and {BY_HAND}"
                raise refused(at.definition(place, "automation"), message, "unmet")
            if not asked and name not in found:
                here = at.definition(place, "automation")
                raise refused(here, f"there is no automation {name!r}", "unknown_automation")
        ids |= {name: row["id"] for name, row in found.items() if name in calls}
        asked |= names.keys()
        following = {(called, names[name]) for name, row in found.items() for called in row["calls"] if called}
        names = {called: place for called, place in sorted(following) if called not in asked}
    return ids


def with_ids(steps: Sequence[Json], ids: Mapping[str, UUID]) -> list[Json]:
    """The steps with called automations named by id, which stays the same when a slug changes."""
    return [
        {**step, "definition": {**step["definition"], "automation": str(ids[name])}}
        if step["kind"] == _KIND and (name := step["definition"].get("automation")) in ids
        else step
        for step in steps
    ]


def _loop(name: str, calls: Mapping[str, int]) -> str:
    return "the automation calls itself" if name in calls else "the automation that it calls leads back to this one"
