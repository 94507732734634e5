"""The endpoints of automations on the small platform of these tests, as document 002 says."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from libs.client.tests.server import Json, Platform, ended, problem, streamed

SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"
SECRET = "whsec_made"


def version(number: int) -> Json:
    """A version of an automation; the second is the current one."""
    about = {"createdAt": "2026-01-01T00:00:00Z", "createdBy": None, "stepCount": 1}
    return {"id": f"v{number}", "number": number, "isCurrent": number == 2, **about}


class AutomationEndpoints:
    """Saves every body without checking it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def routes(self) -> list[Route]:
        one, run = "/api/v1/automations/{id}", "/api/v1/automation-runs/{id}"
        return [
            Route("/api/v1/automations", self.create, methods=["POST"]),
            Route("/api/v1/automations/validate", self.validate, methods=["POST"]),
            Route("/api/v1/automations/slug/{slug}", self.by_slug),
            Route(one, self.get, methods=["GET"]),
            Route(one, self.update, methods=["PATCH"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/trigger", self.trigger, methods=["POST"]),
            Route(f"{one}/backfill", self.backfill, methods=["POST"]),
            Route(f"{one}/versions", self.versions),
            Route(f"{one}/versions/{{version}}/difference", self.difference),
            Route(f"{one}/versions/{{version}}/restore", self.restore, methods=["POST"]),
            Route(f"{one}/graph", self.graph),
            Route(f"{one}/{{verb}}", self.turn, methods=["POST"]),
            Route(run, self.run, methods=["GET"]),
            Route(f"{run}/stream", self.stream),
            Route(f"{run}/graph", self.graph),
            Route(f"{run}/cancel", self.cancel, methods=["POST"]),
            Route(f"{run}/execute", self.execute, methods=["POST"]),
            Route(f"{run}/retry", self.retry, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        made = self.platform.add_automation(**await request.json())
        shown = made
        if made["trigger"]["type"] == "webhook":
            shown = made | {"trigger": made["trigger"] | {"secret": SECRET}}
        return JSONResponse(shown, 201)

    async def validate(self, request: Request) -> Response:
        given = await request.json()
        return JSONResponse({"valid": True, "steps": given["steps"], "warnings": given.get("warnings", [])})

    def by_slug(self, request: Request) -> Response:
        found = [each for each in self.platform.automations.values() if each["slug"] == request.path_params["slug"]]
        return JSONResponse(found[0]) if found else problem(404, "automation not found")

    def get(self, request: Request) -> Response:
        found = self.platform.automations.get(request.path_params["id"])
        return JSONResponse(found) if found else problem(404, "automation not found")

    async def update(self, request: Request) -> Response:
        found = self.platform.automations[request.path_params["id"]]
        found |= await request.json()
        return JSONResponse(found)

    def delete(self, request: Request) -> Response:
        del self.platform.automations[request.path_params["id"]]
        return Response(status_code=204)

    def turn(self, request: Request) -> Response:
        found = self.platform.automations[request.path_params["id"]]
        found["status"] = {"pause": "paused", "resume": "active"}[request.path_params["verb"]]
        return JSONResponse(found)

    async def trigger(self, request: Request) -> Response:
        body = await request.json()
        automation = self.platform.automations[request.path_params["id"]]
        return await self.made(request, self.platform.add_automation_run(automation, inputs=body.get("inputs", {})))

    def versions(self, request: Request) -> Response:
        """Two of them, `v1` and `v2`."""
        limit, offset = int(request.query_params["limit"]), int(request.query_params["offset"])
        shown = [version(2), version(1)][offset : offset + limit]
        page = {"limit": limit, "offset": offset, "total": 2, "users": {}, "hasNext": offset + len(shown) < 2}
        return JSONResponse(page | {"versions": shown})

    def difference(self, request: Request) -> Response:
        changes = [
            {"place": ["steps", "load", "definition", "sql"], "change": "changed", "before": "a\nb", "after": "a\nc"},
            {"place": ["inputs", "day"], "change": "added", "before": None, "after": {"type": "string"}},
            {"place": ["steps", "call"], "change": "changed", "before": {"secret": True}, "after": {"secret": True}},
            {"place": ["max_parallel"], "change": "changed", "before": 1, "after": 3},
        ]
        shown = {"base": version(1), "version": version(2), "changes": changes, "truncated": False}
        return JSONResponse(shown)

    def restore(self, request: Request) -> Response:
        return JSONResponse(self.platform.automations[request.path_params["id"]])

    async def backfill(self, request: Request) -> Response:
        """Two times, of which the first has a run already."""
        body = await request.json()
        dry_run = body.get("dryRun", False)
        times = [
            {"scheduledFor": "2026-01-01T06:00:00Z", "runId": "run-1", "isNew": False},
            {"scheduledFor": "2026-01-02T06:00:00Z", "runId": None if dry_run else "run-2", "isNew": True},
        ]
        told = {"since": body["since"], "until": body.get("until", "2026-01-03T00:00:00Z"), "dryRun": dry_run}
        return JSONResponse({"automationId": request.path_params["id"], "made": 1, "times": times, **told})

    async def made(self, request: Request, run: Json) -> Response:
        self.platform.on_create(run)
        return await self.held(request, run, 201)

    async def held(self, request: Request, run: Json, status: int = 200) -> Response:
        self.platform.on_look(run)
        if "wait=" in request.headers.get("prefer", ""):
            await ended(self.platform, run)
        return JSONResponse(run, status)

    async def run(self, request: Request) -> Response:
        found = self.platform.automation_runs.get(request.path_params["id"])
        return await self.held(request, found) if found else problem(404, "automation run not found")

    def stream(self, request: Request) -> Response:
        return streamed(self.platform, request, self.platform.automation_runs)

    def graph(self, request: Request) -> Response:
        of = "automation_runs" if "automation-runs" in request.url.path else "automations"
        if request.path_params["id"] not in getattr(self.platform, of):
            return problem(404, "not found")
        if request.query_params["format"] == "svg":
            return Response(SVG, media_type="image/svg+xml")
        return PlainTextResponse(f"flowchart TD\n  n0[{of}]\n", media_type="text/vnd.mermaid")

    async def cancel(self, request: Request) -> Response:
        run = self.platform.automation_runs[request.path_params["id"]]
        self.platform.end(run, "cancelled")
        return JSONResponse(run)

    async def execute(self, request: Request) -> Response:
        run = self.platform.automation_runs[request.path_params["id"]]
        run["displayStatus"] = "queued"
        return JSONResponse(run)

    async def retry(self, request: Request) -> Response:
        old = self.platform.automation_runs[request.path_params["id"]]
        automation = self.platform.automations[old["automationId"]]
        return await self.made(request, self.platform.add_automation_run(automation, retryOf=old["runId"]))
