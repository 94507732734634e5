"""Finds the route of a path without parameters by one look, not by trying all routes in their order."""

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI

from vai_api_gateway.http.edge import App, Receive, Scope, Send
from vai_api_gateway.http.json_route import JsonRoute


class FixedPaths:
    """Stands before FastAPI, which gets all that is not found here."""

    def __init__(self, app: FastAPI, routers: Iterable[APIRouter], otherwise: App) -> None:
        self._app = app
        self._otherwise = otherwise
        routes = [route for router in routers for route in router.routes if isinstance(route, JsonRoute)]
        self._routes: dict[tuple[str, str], JsonRoute] = {}
        for route in routes:
            if route.arguments is not None and not route.param_convertors:
                self._routes |= {(method, route.path): route for method in route.methods}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._otherwise(scope, receive, send)
            return
        scope["app"], scope["route"], scope["path_params"] = self._app, route, {}
        await route.serve(scope, receive, send)
