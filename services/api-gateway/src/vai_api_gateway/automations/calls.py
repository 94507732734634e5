"""Automations that call others: what they name is there, and no way leads back (document 002, "Step Types")."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from vai_common.queries import Pool
from vai_records.automations import automations
from vai_records.automations.saved_steps import SavedAction
from vai_records.catalogue.naming import id_in
from vai_records.refused import Place, refused

Json = dict[str, Any]

_KIND = "call_automation"


def calls_of(steps: Sequence[Json], known: Mapping[str, SavedAction]) -> dict[str, int]:
    """The automations that stored steps call, by name, and the place of the first step that does.

    What a reference names is only known when it runs.
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
    pool: Pool, org_id: UUID, identity: tuple[UUID, str], calls: Mapping[str, int], at: Place
) -> dict[str, UUID]:
    """The ids of what is called, by name.

    Raises `Refused` for a call of nobody, and for one that comes back here, by others perhaps: it would never end.

    `identity` are the id and the slug that the automation has, or is about to get.
    """
    asked: set[str] = set()
    names = dict(calls)
    ids: dict[str, UUID] = {}
    while names:
        for name, place in names.items():
            if name == identity[1] or id_in(name) == identity[0]:
                raise refused(_place(at, place), _loop(name, calls), "cycle")
        found = await automations.named(pool, org_id, sorted(names))
        for name, place in calls.items():
            if not asked and name not in found:
                raise refused(_place(at, place), f"there is no automation {name!r}", "unknown_automation")
        ids |= {name: row["id"] for name, row in found.items() if name in calls}
        asked |= names.keys()
        following = {(called, names[name]) for name, row in found.items() for called in row["calls"] if called}
        names = {called: place for called, place in sorted(following) if called not in asked}
    return ids


def with_ids(steps: Sequence[Json], ids: Mapping[str, UUID]) -> list[Json]:
    """The steps with what they call by its id, which stays when a slug is changed."""
    return [
        {**step, "definition": {**step["definition"], "automation": str(ids[name])}}
        if step["kind"] == _KIND and (name := step["definition"].get("automation")) in ids
        else step
        for step in steps
    ]


def _place(at: Place, place: int) -> Place:
    return (*at, place, "action", "definition", "automation")


def _loop(name: str, calls: Mapping[str, int]) -> str:
    return "the automation calls itself" if name in calls else "the automation that it calls leads back to this one"
