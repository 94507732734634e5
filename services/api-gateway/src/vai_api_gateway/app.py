"""The gateway's REST application: routes, errors, documentation, health."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from vai_api_gateway import problems
from vai_api_gateway.agents import crystallize as crystallization
from vai_api_gateway.agents import routes as agents
from vai_api_gateway.agents import runs as agent_runs
from vai_api_gateway.alerts import routes as alert_rules
from vai_api_gateway.alerts import sent as sent_alerts
from vai_api_gateway.audit import routes as audit
from vai_api_gateway.automations import backfill as automation_backfill
from vai_api_gateway.automations import backfills as automation_backfills
from vai_api_gateway.automations import routes as automations
from vai_api_gateway.automations import runs as automation_runs
from vai_api_gateway.automations import validate_route
from vai_api_gateway.automations import versions as automation_versions
from vai_api_gateway.catalogue import actions, connections, kinds, sources
from vai_api_gateway.console import routes as console
from vai_api_gateway.events import replay
from vai_api_gateway.flashboards import board_files as flashboard_files
from vai_api_gateway.flashboards import links as flashboard_links
from vai_api_gateway.flashboards import pages as flashboard_pages
from vai_api_gateway.flashboards import routes as flashboards
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.counting import BEGAN
from vai_api_gateway.http.edge import Edge, Receive, Scope, Send
from vai_api_gateway.http.fixed_paths import FixedPaths
from vai_api_gateway.lake import artifacts, reading
from vai_api_gateway.lake import routes as datasets
from vai_api_gateway.logs import routes as run_logs
from vai_api_gateway.logs import search as log_search
from vai_api_gateway.logs import stream
from vai_api_gateway.mcp import endpoint as mcp
from vai_api_gateway.models import routes as models
from vai_api_gateway.people import api_keys, invitations, organisation, scopes, service_accounts, session, users
from vai_api_gateway.people import installation as admin
from vai_api_gateway.reference import docs, document, guide, openapi
from vai_api_gateway.runs import again, batch, changes, many
from vai_api_gateway.runs import routes as action_runs
from vai_api_gateway.system import routes as system
from vai_api_gateway.threads import crystallize as thread_crystallization
from vai_api_gateway.threads import messages as thread_messages
from vai_api_gateway.threads import routes as threads
from vai_api_gateway.variables import routes as variables
from vai_api_gateway.variables import secret_routes as secrets
from vai_api_gateway.webhooks import endpoint as webhooks
from vai_common.clock import steady_seconds
from vai_common.health import Health

# Routes are tried in this order: those for new runs, then fixed words before ids in the same place, then the most
# frequent ones. Each that is tried in vain costs microseconds.
_WORDS: tuple[Any, ...] = (changes, batch, many, validate_route, agent_runs)
_PARTS: tuple[Any, ...] = (
    *(action_runs, run_logs, stream, webhooks, automation_runs, actions, automations, connections, kinds),
    *(
        automation_backfill,
        automation_backfills,
        automation_versions,
        again,
        sources,
        datasets,
        reading,
        artifacts,
        models,
        agents,
        crystallization,
        flashboards,
        flashboard_files,
        flashboard_links,
        threads,
        thread_messages,
        thread_crystallization,
        alert_rules,
        sent_alerts,
        system,
        variables,
        secrets,
        replay,
        mcp,
        log_search,
    ),
    *(session, invitations, organisation, users, api_keys, scopes, service_accounts, audit, admin),
)

_ROUTERS = (action_runs.collection, *(part.router for part in (*_WORDS, *_PARTS)))

_HEALTH = ("/healthz", "/readyz")
_WHO_WATCHES = UUID(int=0)
"""Health checks do not wait in the queue of requests."""

_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}


class Application(FastAPI):
    """FastAPI inside the edge, so that the edge sees answers to errors, too."""

    edge: Edge | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.edge is None:
            self.edge = Edge(FixedPaths(self, _ROUTERS, super().__call__), self.state.gateway.settings)
        if scope["type"] != "http":
            await self.edge(scope, receive, send)
            return
        scope[BEGAN] = steady_seconds()
        turns = self.state.gateway.intake.turns
        await turns.turn(lambda: self._whose(scope))
        try:
            await self.edge(scope, receive, send)
        finally:
            turns.over()

    def _whose(self, scope: Scope) -> UUID | None:
        """Health checks do not wait behind requests without a credential: a late answer would end the process."""
        if scope["path"] in _HEALTH:
            return _WHO_WATCHES
        known: UUID | None = self.state.gateway.authenticator.known_organisation(Request(scope))
        return known


def create_app(gateway: Gateway, health: Health) -> Application:
    """The application over a gateway whose connections are open; `health` answers for the process."""
    app = Application(
        title="VAI",
        summary="Execute and monitor units of work on connected services.",
        description=openapi.DESCRIPTION,
        license_info=openapi.LICENCE,
        contact=openapi.CONTACT,
        version="1.0.0",
        docs_url=None,
        openapi_url=None,
        redoc_url=None,
        openapi_tags=openapi.TAGS,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.gateway = gateway
    problems.install(app)
    for path in _HEALTH:
        app.add_route(path, _health_route(health, path), include_in_schema=False)
    app.include_router(action_runs.collection)
    for part in _WORDS:
        app.include_router(part.router)
        for path in {route.path for route in part.router.routes}:
            app.add_route(path, _not_here, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    for part in _PARTS:
        app.include_router(part.router)
    docs.install(app, gateway.settings.root_path)
    guide.install(app, gateway.settings.guide)
    flashboard_pages.install(app)
    artifacts.install(app)
    openapi.describe(app, gateway.settings.public_url)
    document.install(app)
    console.install(app, gateway.settings.console, gateway.settings.root_path)
    return app


async def _not_here(_request: Request) -> Response:
    """A fixed word in the path never counts as an id, whatever the method."""
    raise HTTPException(405, "Method Not Allowed")


def _health_route(health: Health, path: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        status, kind, body = health.answer(path, request.headers.get("accept", "")) or (404, "application/json", b"")
        return Response(body, status, media_type=kind)

    return show
