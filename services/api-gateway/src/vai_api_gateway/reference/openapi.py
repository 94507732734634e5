"""Completes the OpenAPI document: order for reading, roles, possible errors, examples that work."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from vai_api_gateway.auth.needs import Need, Rule
from vai_api_gateway.auth.principal import COOKIE
from vai_api_gateway.auth.roles import Demand, Open
from vai_api_gateway.reference.examples import EXAMPLES
from vai_api_gateway.reference.portable import made_portable
from vai_api_gateway.reference.samples import sample
from vai_records.people.people import Role

Json = dict[str, Any]

DESCRIPTION = """
A run carries out an action once; an action says what to do on a connection. Start with `POST /api/v1/action-runs`.

**Coming in.** Send an API key (`X-API-Key`, or `Authorization: Bearer`), or a signed token (`POST /api/v1/session`).
Each operation says which role it needs: a viewer reads, an operator starts and decides, an administrator sets up. A key
may be narrowed to scopes within its role; each operation says which one it needs then.

**Examples** read two variables, `VAI_API_URL` and `VAI_API_KEY`; `make up` prints both, ready to be pasted.

**Errors** of every kind have one shape: `{"detail": [{"loc", "msg", "type"}]}`. 503 and 429 say in `Retry-After` when
to try again. What belongs to another organisation is 404.

**Waiting.** `Prefer: wait=N` (at most 60 seconds) holds an answer until the run has ended; `Prefer: respond-async`
answers at once. **Lists** are newest first, with exact totals; array parameters are repeated or comma-separated.
"""

LICENCE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
CONTACT = {"name": "The VAI maintainers"}

TAGS = [
    {"name": "Kinds", "description": "What can be run, and what an action may begin with."},
    {"name": "Sources", "description": "What can be extracted from, and what each source wants to be told."},
    {"name": "Datasets", "description": "The tables of the lake: what is in them, who wrote them, what reads them."},
    {
        "name": "Models",
        "description": "Language models that may be used; `docs/models.md` says how to set them up.",
    },
    {"name": "Artifacts", "description": "Files that runs keep in the lake; `docs/file-sync.md` says how."},
    {"name": "Connections", "description": "The services that a team connects."},
    {"name": "Actions", "description": "What to do on a connection, saved under a name."},
    {"name": "Action runs", "description": "An action that is carried out once, and all that can be done with it."},
    {"name": "Logs", "description": "What a run has to tell, entry by entry."},
    {"name": "Automations", "description": "Actions strung together on a trigger; `docs/automations.md` says how."},
    {"name": "Automation runs", "description": "One trigger of an automation, step by step."},
    {"name": "Threads", "description": "Conversations with agents; `docs/threads.md` says how."},
    {"name": "Agents", "description": "Models with tools that work on a question; `docs/agents.md` says how."},
    {"name": "Alerts", "description": "Rules by which people are told of what happens; `docs/alerts.md` says how."},
    {"name": "Variables", "description": "Values and secrets that definitions name; `docs/variables.md` says how."},
    {"name": "Flashboards", "description": "Pages of numbers, charts and tables; `docs/flashboards.md` says how."},
    {"name": "Webhooks", "description": "What other systems tell automations; `docs/webhooks.md` says how to sign."},
    {"name": "Events", "description": "The public topics; `docs/events.md` says how to read them."},
    {"name": "Session", "description": "Sign in, sign out, who one is."},
    {"name": "Organisation", "description": "The caller's own: its name, and what holds for all of it."},
    {"name": "Users", "description": "The people of the organisation and their roles."},
    {"name": "Service accounts", "description": "Members that are programs; `docs/access.md` says how."},
    {"name": "API keys", "description": "What programs come in with."},
    {"name": "Audit", "description": "Who did what in the organisation; `docs/access.md` says what is kept."},
    {"name": "System", "description": "Processes, queues, the journal and the database, for administrators."},
]

_SECURITY: dict[str, dict[str, str]] = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {
        "type": "apiKey",
        "in": "header",
        "name": "authorization",
        "description": "`Bearer` and an API key, or a signed token",
    },
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}

_PREFER = {
    "in": "header",
    "name": "Prefer",
    "required": False,
    "schema": {"type": "string"},
    "description": "`wait=N` (seconds) or `respond-async`, RFC 7240; `Preference-Applied` says what was done",
    "example": "respond-async",
}
_HOLDS = frozenset(
    f"{verb}_run" for verb in ("create", "get", "approve", "reject", "cancel", "pause", "resume", "execute", "retry")
) | {
    "run_action",
    "run_again",
    "trigger_automation",
    "get_automation_run",
    "cancel_automation_run",
    "execute_automation_run",
    "retry_automation_run",
}
"""Operations that wait if the request prefers it."""


def operation_id(route: APIRoute) -> str:
    """The name of the function: what a generated client calls."""
    return route.name


def role_of(route: Any) -> Role | Open | None:
    """The role that a route needs, or that it is open and why; None if it does not say."""
    demand: Demand | None = route.demand
    if demand is not None:
        return demand.role
    return next((each.call for each in route.dependant.dependencies if isinstance(each.call, Open)), None)


def routes_of(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """Method, path and route of every operation of the document."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in sorted(context.methods or ()):
                yield method.lower(), str(context.path_format), route


def describe(app: FastAPI, public_url: str) -> None:
    """Let the application use this module's document. `public_url` may be empty."""
    plain: Callable[[], Json] = app.openapi

    def described() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _improved(app, plain()) | {"servers": [{"url": public_url or "/"}]}
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _improved(app: FastAPI, document: Json) -> Json:
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    document["security"] = [{name: []} for name in _SECURITY]
    for method, path, route in routes_of(app):
        _improve(document["paths"][path][method], method, path, route, components["schemas"])
    document["paths"] = dict(sorted(document["paths"].items(), key=_place))
    return made_portable(document)


def _place(item: tuple[str, Json]) -> tuple[int, int]:
    """Where a path stands in the document: by its tag, then by its examples."""
    operations = list(item[1].values())
    tags, examples = [tag["name"] for tag in TAGS], list(EXAMPLES)
    known = [examples.index(name) for one in operations if (name := one["operationId"]) in EXAMPLES]
    return tags.index(operations[0]["tags"][0]), min(known, default=len(examples))


def _improve(operation: Json, method: str, path: str, route: APIRoute, schemas: Json) -> None:
    role = role_of(route)
    operation["x-role"] = role.value if isinstance(role, Role) else "none"
    operation["x-scope"] = _scope_of(route) if isinstance(role, Role) else "none"
    if isinstance(role, Open):
        operation.setdefault("security", [{}, *({name: []} for name in _SECURITY)])
    if route.name in _HOLDS:
        operation.setdefault("parameters", []).append(_PREFER)
    for code in _impossible(operation, method, path, role):
        operation["responses"].pop(code, None)
    for response in operation["responses"].values():
        for media, content in response.get("content", {}).items():
            if media == "application/json" and "example" not in content:
                content["example"] = sample(content["schema"], schemas)
    _show_example(operation, method, path, route.name)


def _scope_of(route: Any) -> str:
    need: Need = route.need
    return need.value if isinstance(need, Rule) else need


_FOUND_BY_BODY = ("/api/v1/invitations/accept",)
"""Paths without an id whose body names what is looked for."""


def _impossible(operation: Json, method: str, path: str, role: Role | Open | None) -> Iterator[str]:
    """The codes of the common list that this operation never answers."""
    if "requestBody" not in operation:
        yield from ("413", "415")
    if "{" not in path and path not in _FOUND_BY_BODY:
        yield "404"
    if method == "get":
        yield "409"
        if role is Role.VIEWER and operation["x-scope"] == "any":
            yield "403"


_SCOPED = {"any": "", "never": "; no API key with scopes may"}
"""What is said of operations that need no certain scope."""


def _show_example(operation: Json, method: str, path: str, name: str) -> None:
    example = EXAMPLES.get(name)
    if example is None:
        return
    needs, scope = operation["x-role"], operation["x-scope"]
    named = f"; of an API key with scopes `{scope}`"
    lines = example.shell(method, path)
    told = "Open to everybody." if needs == "none" else f"Needs the role **{needs}**{_SCOPED.get(scope, named)}."
    operation["description"] = f"{operation.get('description', '')}\n\n{told}\n\n```sh\n{lines}\n```".strip()
    operation["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": lines}]
    if example.body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example.shown
