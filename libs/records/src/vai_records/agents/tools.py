"""What a tool may be, and what a model may set of it: held when an agent is saved, and again at each call.

The check is here and not in what the model is told: whatever a page or a row says to it, a field that is not listed is
not set, and an address, a domain or a table outside of the agent's own is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vai_records.agents.definition import AgentDefinition, Tool
from vai_records.automations.references import may_name
from vai_records.definitions.web_addresses import check_address, is_domain
from vai_records.refused import Fault, Place, Refused
from vai_records.validation import checks
from vai_records.validation.masking import secret_texts_of
from vai_records.variables import saving

Json = dict[str, Any]

SETTABLE: Final[Mapping[str, frozenset[str]]] = {
    "http_request": frozenset(("method", "url", "query", "body", "body_text", "form")),
    "dlt_extract": frozenset(("resources",)),
    "agent_search": frozenset(
        ("query", "include_domains", "topic", "days", "max_results", "search_depth", "include_raw_content")
    ),
    "agent_fetch_page": frozenset(("url", "max_characters", "include_links", "include_images")),
    "generate_query": frozenset(("sql", "question", "max_rows", "datasets")),
    "explain_schema": frozenset(("datasets", "samples")),
    "call_automation": frozenset(("inputs",)),
    "call_agent": frozenset(("question", "inputs")),
}
"""By kind: what may stand in `maySet`. Never a connection, a credential, a header, an approval, a limit."""

_SCHEMA_WORDS = frozenset(("$ref", "$dynamicRef", "pattern", "patternProperties"))


def check_agent(definition: AgentDefinition, kinds: Mapping[str, str], loc: Place = ("body",)) -> None:
    """Raises `Refused` for tools and a schema that cannot be. `kinds`: of saved actions, by how tools name them."""
    faults: list[Fault] = []
    for number, tool in enumerate(definition.tools):
        place = (*loc, "tools", number)
        kind = tool.kind or (kinds.get(tool.action) if tool.action else None)
        if tool.action and kind is None:
            faults.append(((*place, "action"), f"there is no action {tool.action!r}", "unknown_action"))
        elif kind is not None or tool.mcp is not None:
            faults += _faults_of(tool, kind, definition, place)
    if definition.output_schema is not None:
        faults += _faults_of_schema(definition.output_schema, (*loc, "outputSchema"))
    if faults:
        raise Refused(faults)


def _faults_of(tool: Tool, kind: str | None, definition: AgentDefinition, place: Place) -> list[Fault]:
    faults: list[Fault] = []
    may = SETTABLE.get(kind or "", frozenset())
    for number, name in enumerate(tool.may_set):
        if name not in may:
            known = f"it may set {', '.join(sorted(may))}" if may else "it may set nothing of this kind"
            faults.append(((*place, "maySet", number), f"a model may not set {name} of {kind}; {known}", "value_error"))
    if _reaches_out(tool, kind) and not definition.allowed_domains:
        message = f"the model may choose where {kind} goes: list the agent's allowedDomains"
        faults.append((place, message, "value_error"))
    elif kind == "agent_search" and not searched(definition.allowed_domains):
        message = "the web is searched within domains such as example.com: list one in the agent's allowedDomains"
        faults.append((place, message, "value_error"))
    if kind in ("generate_query", "explain_schema") and tool.may_set and not definition.datasets:
        faults.append((place, f"the model may choose what {kind} reads: list the agent's datasets", "value_error"))
    if tool.mcp is not None and any(secret_texts_of({"body": tool.fixed})):
        faults.append(((*place, "fixed"), "holds a secret: keep it in the connection", "value_error"))
    if tool.mcp is not None and may_name(dict(tool.fixed)):
        message = "$/vars/… and $/secrets/… are for runs, and a call of an MCP server is none: give the value itself"
        faults.append(((*place, "fixed"), f"{message}, or keep a secret in the connection", "value_error"))
    try:
        if tool.kind is not None:
            saving.check_saved(tool.kind, dict(tool.fixed), (*place, "fixed"))
            if checks.split(tool.kind, tool.fixed, None, (*place, "fixed"))[1] is not None:
                message = "holds a secret: keep it in a connection, or make a saved action of it"
                faults.append(((*place, "fixed"), message, "value_error"))
    except Refused as error:
        faults += error.faults
    return faults


def _reaches_out(tool: Tool, kind: str | None) -> bool:
    return kind in ("agent_search", "agent_fetch_page") or (kind == "http_request" and "url" in tool.may_set)


def _faults_of_schema(schema: Json, place: Place) -> list[Fault]:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

    try:
        checks.check_size(schema, place, 2_000)
    except Refused as error:
        return error.faults
    if word := _word_in(schema):
        return [(place, f"{word} is not taken: write the parts out, and say what a text is like in its description",
                 "value_error")]  # fmt: skip
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        at = tuple(part for part in error.absolute_path if isinstance(part, str | int))
        return [((*place, *at), f"is no JSON Schema: {error.message[:300]}", "value_error")]
    return []


def _word_in(value: Any) -> str | None:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            if found := sorted(_SCHEMA_WORDS & one.keys()):
                return found[0]
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return None


class NotAllowed(Exception):
    """What a model asked for is outside of what its agent may do; the message says what it may."""


def check_call(kind: str, definition: Json, given: Sequence[str], agent: AgentDefinition) -> None:
    """Hold what a call would do against the agent's domains and tables. `given`: the fields that the model has set.

    Raises `NotAllowed`.
    """
    if stray := sorted(set(given) - SETTABLE.get(kind, frozenset())):
        raise NotAllowed(f"{stray[0]} of {kind} cannot be set by a model")
    if kind == "http_request" and "url" in given:
        _check_url(definition.get("url"), agent.allowed_domains, paths=_has_connection(definition))
    if kind == "agent_fetch_page":
        _check_url(definition.get("url"), agent.allowed_domains, paths=False)
    if kind == "agent_search" and "include_domains" in given:
        for domain in _texts(definition.get("include_domains")):
            check_host(domain, agent.allowed_domains)
    if kind in ("generate_query", "explain_schema") and given:
        _check_datasets(definition.get("datasets"), agent.datasets)
    if kind == "dlt_extract" and "resources" in given:
        _check_resources(definition.get("resources"))


def check_host(host: str, allowed: Sequence[str]) -> None:
    """Raises `NotAllowed` for a host that is none of the domains and in none of them.

    A name without a dot and an address stand for themselves alone: below `com` is half of the internet.
    """
    plain = host.lower().rstrip(".")
    if not any(plain == one or (plain.endswith(f".{one}") and is_domain(one)) for one in allowed):
        raise NotAllowed(f"{host[:200]!r} is not in the agent's allowedDomains: {', '.join(allowed) or 'none'}")


def searched(allowed: Sequence[str]) -> list[str]:
    """What of an agent's domains the web can be searched in: nobody outside knows a host without a dot."""
    return [one for one in allowed if is_domain(one)]


def _check_url(url: Any, allowed: Sequence[str], *, paths: bool) -> None:
    import httpx2

    if not isinstance(url, str):
        raise NotAllowed("the url is no text")
    try:
        check_address(url, paths=paths)
        parsed = httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL) as error:
        raise NotAllowed(f"the url cannot be read: {error}") from None
    if parsed.is_absolute_url:
        check_host(parsed.raw_host.decode("ascii", "replace"), allowed)


def _has_connection(definition: Json) -> bool:
    return any(definition.get(key) is not None for key in checks.CONNECTION_KEYS)


def _check_datasets(wanted: Any, allowed: Sequence[str]) -> None:
    names = _texts(wanted)
    if not names:
        raise NotAllowed("name the datasets that are to be read")
    if stray := [name for name in names if name not in allowed]:
        raise NotAllowed(f"{stray[0][:200]!r} is none of the agent's datasets: {', '.join(allowed) or 'none'}")


def _check_resources(wanted: Any) -> None:
    if not all(one.replace("_", "").isalnum() for one in _texts(wanted)):
        raise NotAllowed("resources are names of tables, of letters, digits and underscores")


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise NotAllowed("a list of names is wanted")
    return value
