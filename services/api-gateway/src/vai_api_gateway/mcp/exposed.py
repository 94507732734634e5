"""Actions and automations with `expose: true`: each is a tool, by its slug (decision 59)."""

from collections.abc import AsyncIterator
from typing import Any, Final

from vai_api_gateway.mcp.following import Following
from vai_api_gateway.mcp.inner import Inner, Refusal
from vai_records.agents.tools import SETTABLE
from vai_records.automations.inputs import is_needed, secret_names
from vai_records.automations.references import may_name
from vai_records.definitions import definition_schema
from vai_records.definitions.kinds import KINDS

Json = dict[str, Any]

ACTIONS: Final = "/api/v1/actions"
AUTOMATIONS: Final = "/api/v1/automations"
MOST: Final = 200
"""Tools of each sort that a client is shown."""

_PAGE: Final = 100
_LONGEST_WORDS: Final = 2_000
_NEVER: Final = frozenset(("url", "method"))
_MORE: Final = {"web_search": frozenset(("query",))}


async def offered(routes: Inner) -> list[Json]:
    """Name, description and schema of each; where an automation and an action have one slug, the automation's.

    An automation that needs a secret input is not offered: no model may know it.
    """
    found = {
        one["slug"]: _of_automation(one)
        async for one in _exposed(routes, AUTOMATIONS, {})
        if not any(is_needed(one["inputs"][name]) for name in secret_names(one["inputs"]))
    }
    async for one in _exposed(routes, ACTIONS, {"statuses": "active"}):
        found.setdefault(one["slug"], _of_action(one))
    return list(found.values())


async def called(following: Following, name: str, given: Json) -> Json | None:
    """What a call of this tool has done; None where there is no such tool. Raises `Refusal`."""
    if (automation := await _by_slug(following.routes, AUTOMATIONS, name)) is not None:
        if stray := sorted(given.keys() & secret_names(automation["inputs"])):
            message = "this input is a secret, which no model may know: a person triggers the automation with it"
            raise Refusal(422, [{"loc": ["arguments", stray[0]], "msg": message, "type": "secret_place"}])
        return await following.automation(automation["id"], given, None, None)
    if (action := await _by_slug(following.routes, ACTIONS, name)) is not None:
        if stray := sorted(given.keys() - settable(action["kind"])):
            known = ", ".join(sorted(settable(action["kind"]))) or "nothing"
            message = f"a tool of {action['kind']} takes {known}"
            raise _refusal(stray[0], message, "extra_forbidden")
        if naming := [field for field, value in given.items() if may_name(value)]:
            message = "$/vars/… and $/secrets/… are for what people save: give the value itself"
            raise _refusal(naming[0], message, "bad_reference")
        return await following.action(action["id"], given or None, None, None)
    return None


def _refusal(field: str, message: str, kind: str) -> Refusal:
    return Refusal(422, [{"loc": ["arguments", field[:100]], "msg": message, "type": kind}])


def settable(kind: str) -> frozenset[str]:
    """What a model may set of a saved action: as for agents, but never where it goes."""
    return (SETTABLE.get(kind, frozenset()) | _MORE.get(kind, frozenset())) - _NEVER


async def _exposed(routes: Inner, path: str, more: Json) -> AsyncIterator[Json]:
    name = path.rpartition("/")[2]
    query = {"expose": "true", "sort_by": "name", "order": "asc", "limit": _PAGE, **more}
    for offset in range(0, MOST, _PAGE):
        page = await routes.get(path, query | {"offset": offset})
        for one in page[name]:
            yield await routes.get(f"{path}/{one['id']}") if one.get("definitionTruncated") else one
        if not page["hasNext"]:
            return


async def _by_slug(routes: Inner, path: str, slug: str) -> Json | None:
    if not slug:
        return None
    try:
        found = await routes.get(f"{path}/slug/{slug.replace('/', '%2F')}")
    except Refusal as error:
        if error.status != 404:
            raise
        return None
    return found if found["expose"] else None


def _of_automation(one: Json) -> Json:
    declared: Json = one["inputs"]
    secret = secret_names(declared)
    words = one["description"] or f"Runs the automation {one['name']} to its end."
    properties = {
        name: {
            key: value for key, value in said.items() if key in ("type", "description", "default") and value is not None
        }
        for name, said in declared.items()
        if name not in secret
    }
    return _tool(one["slug"], words, properties, [name for name, said in declared.items() if is_needed(said)])


def _of_action(one: Json) -> Json:
    kind = one["kind"]
    schema = definition_schema(kind)
    properties = {name: schema["properties"][name] for name in sorted(settable(kind)) if name in schema["properties"]}
    words = f"{one['name']}: runs the saved action ({KINDS[kind].description})"
    return _tool(one["slug"], words, properties, [], schema.get("$defs", {}))


def _tool(name: str, words: str, properties: Json, required: list[str], definitions: Json | None = None) -> Json:
    schema: Json = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    if kept := _named_in(properties, definitions or {}):
        schema["$defs"] = kept
    return {"name": name, "description": words[:_LONGEST_WORDS], "schema": schema}


def _named_in(properties: Json, definitions: Json) -> Json:
    """The definitions to which the properties refer, and those to which these refer."""
    kept: Json = {}
    rest: list[Any] = [properties]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name in definitions and name not in kept:
                kept[name] = definitions[name]
                rest.append(definitions[name])
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return kept
