"""A small imitation of the platform on a real socket. It answers as documents 001, 003 and 004 say, or as a test
says.
"""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

KEY = "vai_test_key"
BORN = "2026-11-22T10:30:00Z"
LISTS = ("actions", "action-runs", "connections", "automations", "automation-runs")
TOKEN = "the-token-of-this-installation"
ENDED = {"completed", "failed", "cancelled", "rejected"}
Json = dict[str, Any]


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Platform:
    """What the server holds. `replies` are given to the next requests instead of the usual answer, in order.

    `pieces` are what the log stream gives to its next readers: so many entries, and then it stops ("close") or breaks
    ("break"); when they are used up, all that is left and, once the run has ended, the end.
    """

    runs: dict[str, Json] = field(default_factory=dict)
    actions: dict[str, Json] = field(default_factory=dict)
    connections: dict[str, Json] = field(default_factory=dict)
    automations: dict[str, Json] = field(default_factory=dict)
    automation_runs: dict[str, Json] = field(default_factory=dict)
    logs: dict[str, list[Json]] = field(default_factory=dict)
    replies: deque[Response] = field(default_factory=deque)
    pieces: deque[tuple[int, str]] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    system: Json | None = None
    holds: bool = True
    on_create: Callable[[Json], None] = lambda run: None
    on_look: Callable[[Json], None] = lambda run: None
    url: str = ""
    key: str = KEY

    def add_run(self, **values: Any) -> Json:
        run_id = str(uuid.uuid4())
        empty = ("actionId", "completedAt", "concurrencyKey", "durationSeconds", "error", "idempotencyKey")
        empty += ("parentActionRunId", "progress", "result", "startedAt", "triggerSourceId", "triggerSourceType")
        run = dict.fromkeys(empty) | {"id": run_id, "kind": "dlt_extract", "status": "pending", "definition": {}}
        run |= {"createdAt": BORN, "updatedAt": BORN, "retryCount": 0, "interruptCount": 0, "triggerMethod": "api"}
        run |= values
        run.setdefault("displayStatus", run["status"])
        self.runs[run["id"]] = run
        self.logs.setdefault(run["id"], [])
        return run

    def add_log(self, run: Json, event: str, message: str, level: str = "info", **data: Any) -> Json:
        entries = self.logs[run["id"]]
        place = len(entries) + 1
        entry = {"id": f"{run['id']}-{place}", "level": level, "event": event, "message": message, "data": data}
        entry |= {"occurredAt": f"2026-11-22T10:30:{(place - 1) % 60:02d}Z", "attempt": 1, "workerId": "worker-1"}
        entries.append(entry)
        return entry

    def add_action(self, **values: Any) -> Json:
        action = {
            "id": str(uuid.uuid4()),
            "name": "Orders",
            "slug": "orders",
            "kind": "dlt_extract",
            "status": "active",
        }
        action |= dict.fromkeys(("connectionId", "templateId", "createdBy", "updatedBy", "latestRun"))
        action |= {"definition": {}, "createdAt": BORN, "updatedAt": BORN} | values
        self.actions[action["id"]] = action
        return action

    def add_connection(self, **values: Any) -> Json:
        made = {"id": str(uuid.uuid4()), "name": "Shop", "slug": "shop", "provider": "shopify", "status": "active"}
        made |= {"config": {}, "hasCredentials": True, "isDefault": False, "maxRunning": None, "lastError": None}
        made |= {"createdBy": None, "createdAt": BORN, "updatedAt": BORN} | values
        self.connections[made["id"]] = made
        return made

    def add_automation(self, **values: Any) -> Json:
        made = dict.fromkeys(("description", "error", "latestRun", "nextRunAt", "webhookUrl", "createdBy", "updatedBy"))
        made |= {"id": str(uuid.uuid4()), "name": "Daily", "slug": "daily", "status": "active", "enabled": True}
        made |= {"trigger": {"type": "manual"}, "conditions": [], "inputs": {}, "max_parallel": 3, "steps": []}
        made |= {"sourceType": "manual", "createdAt": BORN, "updatedAt": BORN} | values
        self.automations[made["id"]] = made
        return made

    def add_automation_run(self, automation: Json, **values: Any) -> Json:
        run_id = str(uuid.uuid4())
        run = dict.fromkeys(("completedAt", "createdBy", "error", "event", "parentActionRunId", "reason", "retryOf"))
        run |= {"runId": run_id, "automationId": automation["id"], "status": "running", "triggeredBy": "manual"}
        run |= {"createdAt": BORN, "startedAt": BORN, "inputs": {}, "actionRuns": [], "id": run_id}
        empty = dict.fromkeys(("completedAt", "error", "name", "port", "reason", "runId", "startedAt"))
        run["steps"] = [
            {**empty, "key": step["key"], "kind": step["action"]["kind"], "state": "waiting"}
            for step in automation["steps"]
        ]
        run |= values
        run.setdefault("displayStatus", run["status"])
        self.automation_runs[run_id] = run
        self.logs.setdefault(run_id, [])
        return run

    def move(self, run: Json, key: str, state: str, **values: Any) -> None:
        """Change the state of a step of an automation run, with a log entry."""
        step = next(step for step in run["steps"] if step["key"] == key)
        step |= {"state": state} | values
        if state == "running":
            made = {"stepKey": key, "runId": f"run-of-{key}", "kind": step["kind"], "status": "running"}
            run["actionRuns"].append(made)
            step |= {"runId": made["runId"], "startedAt": BORN}
        elif step["startedAt"]:
            step["completedAt"] = "2026-11-22T10:30:03Z"
        word = {"running": "step_started"}.get(state, f"step_{state}")
        self.add_log(run, word, f"{key} {state}", step=key, state=state, runId=step["runId"])

    def end(self, run: Json, status: str = "completed", **values: Any) -> None:
        run |= {"status": status, "displayStatus": status, "completedAt": BORN, "durationSeconds": 2.0} | values

    def refuse(self, status: int, msg: str, *loc: str | int, **headers: str) -> None:
        """Answer the next request with this problem."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.replies.append(problem(status, msg, loc, told))

    def requests(self, method: str | None = None, tail: str = "") -> list[Seen]:
        return [each for each in self.seen if method in (None, each.method) and each.path.endswith(tail)]


def problem(status: int, msg: str, loc: tuple[str | int, ...] = (), headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": [{"loc": list(loc), "msg": msg, "type": "told"}]}, status, headers)


class Endpoints:
    """The endpoints of the REST API that the client knows."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def routes(self) -> list[Route]:
        api, get, post = "/api/v1", ["GET"], ["POST"]
        plain = [
            *(Route(f"{api}/{name}", self.page, methods=get) for name in LISTS),
            *(Route(f"{api}/{name}", self.create, methods=post) for name in ("actions", "connections")),
            Route(f"{api}/actions/slug/{{slug}}", self.action_by_slug),
            Route(f"{api}/actions/{{id}}", self.action, methods=["GET"]),
            Route(f"{api}/actions/{{id}}", self.change, methods=["PATCH", "DELETE"]),
            Route(f"{api}/connections/{{id}}", self.change, methods=["GET", "PATCH", "DELETE"]),
            Route(f"{api}/actions/{{id}}/run", self.run_action, methods=post),
            Route(f"{api}/connections/{{id}}/test", self.test_connection, methods=post),
            Route(f"{api}/system", self.system),
        ]
        runs = [
            Route(f"{api}/action-runs", self.create_run, methods=post),
            Route(f"{api}/action-runs/{{id}}", self.run, methods=get),
            Route(f"{api}/action-runs/{{id}}", self.delete, methods=["DELETE"]),
            Route(f"{api}/action-runs/{{id}}/logs", self.logs),
            Route(f"{api}/action-runs/{{id}}/logs/stream", self.stream),
            Route(f"{api}/action-runs/{{id}}/{{verb}}", self.decide, methods=post),
        ]
        return plain + runs

    def system(self, _request: Request) -> Response:
        """For administrators, which the caller is if the test has given one."""
        found = self.platform.system
        return problem(403, "this needs the role admin; yours is viewer") if found is None else JSONResponse(found)

    def page(self, request: Request) -> Response:
        name = request.url.path.split("/")[3]
        key = {"action-runs": "runs", "automation-runs": "automationRuns"}.get(name, name)
        limit, offset = int(request.query_params.get("limit", 100)), int(request.query_params.get("offset", 0))
        held = list(getattr(self.platform, {"automationRuns": "automation_runs"}.get(key, key)).values())[::-1]
        for column in ("status", "kind", "provider", "automationId"):
            words = request.query_params.getlist({"automationId": "automation_id"}.get(column, column))
            held = [each for each in held if not words or each[column] in words]
        found = held[offset : offset + limit]
        more = offset + len(found) < len(held)
        bounds = {"hasNext": more, "limit": limit, "offset": offset, "total": len(held)}
        return JSONResponse({key: found, "users": {}} | bounds)

    async def create(self, request: Request) -> Response:
        body = await request.json()
        add = self.platform.add_action if request.url.path.endswith("actions") else self.platform.add_connection
        body.pop("credentials", None)
        return JSONResponse(add(**body), 201)

    def action(self, request: Request) -> Response:
        found = self.platform.actions.get(request.path_params["id"])
        return JSONResponse(found) if found else problem(404, "action not found")

    async def change(self, request: Request) -> Response:
        _, _, _, name, key = request.url.path.split("/")
        held = getattr(self.platform, name)
        if key not in held:
            return problem(404, f"{name[:-1]} not found")
        if request.method == "DELETE":
            del held[key]
            return Response(status_code=204)
        if request.method == "PATCH":
            held[key] |= await request.json()
        return JSONResponse(held[key])

    def action_by_slug(self, request: Request) -> Response:
        found = [each for each in self.platform.actions.values() if each["slug"] == request.path_params["slug"]]
        return JSONResponse(found[0]) if found else problem(404, "action not found")

    async def run_action(self, request: Request) -> Response:
        body = await request.json()
        action_id = request.path_params["id"]
        return self.made(self.platform.add_run(actionId=action_id, definition=body.get("definitionOverrides", {})))

    def test_connection(self, request: Request) -> Response:
        works = self.platform.connections[request.path_params["id"]]["status"] == "active"
        message = "answered" if works else "401: the token is not valid"
        return JSONResponse({"ok": works, "message": message, "error": None, "durationSeconds": 0.1})

    async def create_run(self, request: Request) -> Response:
        body = await request.json()
        fields = ("kind", "definition", "idempotencyKey", "concurrencyKey")
        return self.made(self.platform.add_run(**{key: body[key] for key in fields if key in body}))

    def made(self, run: Json) -> Response:
        self.platform.on_create(run)
        return JSONResponse(run, 201)

    async def run(self, request: Request) -> Response:
        run = self.platform.runs.get(request.path_params["id"])
        if run is None:
            return problem(404, "run not found")
        self.platform.on_look(run)
        if "wait=" in request.headers.get("prefer", ""):
            await ended(self.platform, run)
        return JSONResponse(run)

    def delete(self, request: Request) -> Response:
        return Response(status_code=204)

    def decide(self, request: Request) -> Response:
        run, verb = self.platform.runs[request.path_params["id"]], request.path_params["verb"]
        if verb == "retry":
            return self.made(self.platform.add_run(kind=run["kind"], triggerMethod="retry", triggerSourceId=run["id"]))
        words = {"reject": "rejected", "cancel": "cancelled", "approve": "running"}
        run["status"] = words.get(verb, run["status"])
        run["displayStatus"] = {"pause": "paused"}.get(verb, run["status"])
        return JSONResponse(run)

    def logs(self, request: Request) -> Response:
        run_id, query = request.path_params["id"], request.query_params
        if run_id not in self.platform.logs:
            return problem(404, "run not found")
        words = ("info", "warning", "error")
        grave = words[words.index(query.get("level", "info")) :]
        entries = self.platform.logs[run_id]
        ordered = entries[::-1] if query.get("order") == "desc" else entries
        left = [each for each in after(ordered, query.get("after")) if each["level"] in grave]
        found = left[: int(query.get("limit", 100))]
        more = len(found) < len(left)
        return JSONResponse({"entries": found, "hasMore": more, "nextCursor": found[-1]["id"] if found else None})

    def stream(self, request: Request) -> Response:
        return streamed(self.platform, request, self.platform.runs)


def streamed(platform: Platform, request: Request, runs: dict[str, Json]) -> Response:
    run_id = request.path_params["id"]
    if run_id not in runs:
        return problem(404, "run not found")
    left = after(platform.logs[run_id], request.headers.get("last-event-id"))
    many, how = platform.pieces.popleft() if platform.pieces else (len(left), "end")
    return StreamingResponse(events(platform, run_id, left[:many], how), media_type="text/event-stream")


def after(entries: list[Json], cursor: str | None) -> list[Json]:
    ids = [each["id"] for each in entries]
    return entries[ids.index(cursor) + 1 :] if cursor else entries


async def events(platform: Platform, run_id: str, entries: list[Json], how: str) -> AsyncIterator[str]:
    yield ": here\n\n"
    for entry in entries:
        yield f"id: {entry['id']}\ndata: {json.dumps(entry)}\n\n"
    if how == "break":
        raise ConnectionResetError("the test breaks this stream")
    if how == "end":
        run = platform.automation_runs.get(run_id) or platform.runs[run_id]
        await ended(platform, run)
        yield f"event: end\ndata: {json.dumps({'status': run['status']})}\n\n"


async def ended(platform: Platform, run: Json) -> None:
    """Returns when the run has ended, or at once if the server does not hold its answers."""
    while platform.holds and run["status"] not in ENDED:
        await dawdle()
        platform.on_look(run)


async def dawdle() -> None:
    """How long the imitation takes between two looks at a run that it holds an answer for."""
    await asyncio.sleep(0.01)


def guarded(platform: Platform, endpoints: Callable[..., Any]) -> Callable[..., Any]:
    """The application behind a layer that checks the key, records requests, and gives the replies that the test has
    set.
    """

    async def door(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        headers, query = dict(request.headers), request.query_params.multi_items()
        parsed = json.loads(body) if body else None
        platform.seen.append(Seen(request.method, request.url.path, query, headers, parsed))
        if platform.replies:
            await platform.replies.popleft()(scope, receive, send)
        elif headers.get("authorization") != f"Bearer {TOKEN if request.url.path.startswith('/admin') else KEY}":
            await problem(401, "this API key is unknown")(scope, receive, send)
        else:
            await endpoints(scope, replay(body), send)

    return door


def replay(body: bytes) -> Callable[[], Any]:
    told: deque[Json] = deque([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Json:
        if told:
            return told.popleft()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive
