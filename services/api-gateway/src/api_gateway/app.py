"""The gateway's REST application: routes, errors, documentation, health."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from api_gateway import (
    action_runs,
    actions,
    api_keys,
    batch,
    changes,
    connections,
    docs,
    kinds,
    organisation,
    problems,
    replay,
    run_logs,
    session,
    stream,
    users,
)
from api_gateway.auth import COOKIE
from api_gateway.gateway import Gateway
from common.health import Health

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

_TAGS = [
    {"name": "Actions", "description": "What to do on a connection, saved under a name."},
    {"name": "Action runs", "description": "One execution of an action, and all that can be done with it."},
    {"name": "Connections", "description": "The services that a team connects."},
    {"name": "Events", "description": "The public topics; `docs/events.md` says how to read them."},
    {"name": "Session", "description": "Sign in, sign out, who one is."},
    {"name": "Organisation", "description": "The caller's own: its name, and what holds for all of it."},
    {"name": "Users", "description": "The people of the organisation and their roles."},
    {"name": "API keys", "description": "What programs come in with."},
]

# Routes are tried in this order: what is asked most comes first, a word before an id in its place.
_PARTS: tuple[Any, ...] = (
    *(changes, batch, action_runs, run_logs, stream),
    *(actions, connections, kinds, replay),
    *(session, organisation, users, api_keys),
)

_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}


def create_app(gateway: Gateway, health: Health) -> FastAPI:
    """The application over a gateway whose connections are open; `health` answers for the process."""
    app = FastAPI(
        title="VirtuousAI",
        summary="Execute and monitor units of work on connected services.",
        version="1.0.0",
        docs_url=None,
        redoc_url=None,
        openapi_tags=_TAGS,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    problems.install(app)
    for part in _PARTS:
        app.include_router(part.router)
    docs.install(app)
    for path in ("/healthz", "/readyz", "/metrics"):
        app.add_route(path, _health_route(health, path), include_in_schema=False)
    _secure(app)
    return app


def _health_route(health: Health, path: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(_request: Request) -> Response:
        status, kind, body = health.answer(path) or (404, "application/json", b"")
        return Response(body, status, media_type=kind)

    return show


def _secure(app: FastAPI) -> None:
    """Say in the OpenAPI document what `auth` takes: any one of the three."""
    describe = app.openapi

    def secured() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = describe()
            schema.setdefault("components", {})["securitySchemes"] = _SECURITY
            schema["security"] = [{name: []} for name in _SECURITY]
        return app.openapi_schema or {}

    app.openapi = secured  # type: ignore[method-assign]
