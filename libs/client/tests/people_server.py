"""The endpoints of people, kinds and the installation on the small platform of these tests."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from libs.client.tests.server import BORN, Json, Platform, problem

ORG = "0199a000-0000-7000-8000-000000000001"
ADA = "0199b111-0000-7000-8000-00000000000a"


def member(**values: Any) -> Json:
    empty = dict.fromkeys(("acceptedAt", "firstName", "lastName", "profilePictureUrl"))
    made = empty | {"id": ADA, "email": "ada@example.com", "role": "admin", "createdAt": BORN, "hasPassword": True}
    return made | values


def organisation(**values: Any) -> Json:
    settings = {"maxRunning": None, "forbidSelfApproval": False}
    return {"id": ORG, "slug": "acme", "name": "Acme", "settings": settings} | values


def api_key(**values: Any) -> Json:
    made = dict.fromkeys(("expiresAt", "lastUsedAt", "revokedAt"))
    made |= {"id": "0199c222-0000-7000-8000-0000000000cc", "name": "cron", "role": "viewer", "status": "active"}
    return made | {"prefix": "vai_abcdefgh", "createdAt": BORN, "userId": ADA} | values


KINDS = [
    {"name": "dlt_extract", "mode": "ASYNC_QUEUE", "category": "data", "description": "Extract", "service": "x"}
    | {"available": True, "alive": True, "definitionSchema": {"type": "object"}}
]
SOURCES = [
    {"name": "sample", "title": "Sample", "description": "Synthetic tables", "available": True, "package": None}
    | {"takesConnection": False, "resources": [{"name": "orders", "size": "XS", "cursor": "id", "primaryKey": ["id"]}]}
]
WRITE = {"runId": "0199d333-0000-7000-8000-0000000000dd", "writtenAt": BORN, "rows": 7, "bytes": 900, "version": 0}
WRITE |= {"action": {"id": ADA, "name": "Sales of the day"}, "automation": None}
DATASET = {"id": "0199d333-0000-7000-8000-0000000000ee", "layer": "gold", "name": "gold.sales", "rowCount": 7}
DATASET |= {"createdAt": BORN, "updatedAt": BORN, "secondsOld": 75.2, "columnCount": 2, "lastWrite": WRITE}
COLUMNS = [{"name": "day", "type": "DATE"}, {"name": "sold", "type": "DECIMAL(12,2)"}]
DETAIL = {"columns": COLUMNS, "bytes": 900, "files": None, "location": "o/gold/sales", "readBy": []}
DETAIL["upkeep"] = {
    "rule": {"compact": True, "keepHours": 24},
    "last": {"at": BORN, "seconds": 0.5, "compacted": 12, "into": 1, "removed": 3, "error": None},
}
ARTIFACT = {"id": "a1", "name": "2026/a.pdf", "folder": "shop/invoices", "size": 900, "sha256": "5e", "runId": "r1"}
ARTIFACT |= {"createdAt": BORN, "removedAt": None}
PREVIEW = {"columns": COLUMNS, "rows": [{"day": "2026-01-02", "sold": None}], "cut": True}
PROFILE = {"column": "sold", "type": "DECIMAL(12,2)", "rows": 7, "nulls": 1, "distinct": 5, "min": "0.50", "max": "9"}
PROFILE |= {"mean": 3.5, "quartiles": [1.0, 3.0, 5.0], "mostFrequent": [{"value": "0.50", "rows": 2}]}
EDGE = {"source": "s", "target": "t", "runId": WRITE["runId"], "at": BORN, "action": None, "automation": None}
LINEAGE = {"nodes": [{"id": "s", "name": "bronze.shop.orders"}, {"id": "t", "name": "gold.sales"}], "edges": [EDGE]}
COLUMNS = {
    "columns": [
        {"source": "s", "sourceColumn": "price", "target": "t", "targetColumn": "sold", "how": "aggregation"},
    ],
    "unknownColumns": [{"dataset": "t", "columns": ["odd"], "reason": "sqlglot cannot read it"}],
}
MODEL = {"name": "openai/gpt-5", "connection": "openai", "provider": "openai", "model": "gpt-5", "allowed": True}
MODELS = {
    "default": "openai/gpt-5",
    "models": [MODEL | {"isDefault": True, "price": {"inputPerMillion": 1.25, "outputPerMillion": 10.0}}],
    "connections": [{"slug": "local", "provider": "openai_compatible", "models": 0, "error": {"message": "is away"}}],
    "today": {"tokens": 1200, "dollars": 0.5, "tokensLeft": None, "dollarsLeft": 1.5},
}
AGENT = {"id": "0199f555-0000-7000-8000-0000000000aa", "name": "Order analyst", "slug": "order-analyst"}
AGENT |= {"instructions": "Answer questions about orders.", "model": None, "datasets": ["gold.sales"], "labels": {}}
AGENT |= {"tools": [{"kind": "http_request", "name": "look_up"}], "limits": {"steps": 20, "money": None}}
AGENT |= {"allowedDomains": ["example.com"], "outputSchema": None, "createdAt": BORN, "updatedAt": BORN}
_CALLS = [
    {"id": "a", "tool": "look_up", "runId": WRITE["runId"], "status": "completed", "result": "x", "refused": None},
    {"id": "b", "tool": "shell", "runId": None, "status": None, "result": None, "refused": "there is no tool"},
]
_TURN = {"turn": 1, "model": "openai/gpt-5", "text": "Let me see.", "told": None, "createdAt": BORN}
TURN = _TURN | {"inputTokens": 1200, "outputTokens": 30, "dollars": 0.25, "toolCalls": _CALLS}
USED = {"steps": 1, "calls": 1, "inputTokens": 1200, "outputTokens": 30, "dollars": 0.25}
THREAD = {"id": "0199f555-0000-7000-8000-0000000000dd", "name": "Orders", "head": None, "messages": 1}
THREAD |= {"agent": {"id": AGENT["id"], "slug": "helper", "name": "Helper"}, "createdAt": BORN, "updatedAt": BORN}
_ANSWER = {"runId": WRITE["runId"], "status": "completed", "text": "Forty two.", "error": None, "output": None}
MESSAGE = {"id": "m", "place": 1, "text": "How many?", "createdAt": BORN, "versions": ["m", "n"], "answer": _ANSWER}
PAGED = {"hasNext": False, "limit": 20, "nextCursor": None, "users": {}}
SCHEMAS = {"definitionSchema": {"type": "object"}, "credentialsSchema": {"properties": {"token": {}}}}
TEMPLATES = [{"name": "orders", "kind": "dlt_extract", "description": "Orders", "definition": {"source": "sample"}}]
INVITED = {"invitationToken": "inv_1", "invitationEndsAt": BORN}


async def crystallized(request: Request) -> Response:
    """A dry run, with what was asked for."""
    asked = await request.json()
    step = {"key": "look_up", "action": {"kind": "http_request", "definition": {}}, "depends_on": ["query_datasets"]}
    inputs = {"today": {"required": True}} | {name: {"default": value} for name, value in asked["parameters"].items()}
    left = [{"turn": 1, "tool": "shell", "why": "refused: there is no tool", "runId": None}]
    unsure = [
        {"tool": "look_up", "turn": 2, "place": "body.level", "value": 2, "equals": "row_count of query in turn 1"}
    ]
    report = {"inputs": [{"name": name, "why": "named by the caller"} for name in inputs], "leftOut": left}
    report |= {"unsure": unsure, "notes": ["No step needs a model."], "dryRun": request.query_params.get("dry_run")}
    body = {"name": asked["name"], "steps": [step], "inputs": inputs}
    return JSONResponse({"body": body, "automation": None, "report": report, "warnings": []})


class PeopleEndpoints:
    """One organisation, one person, one key."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._agent_run: Json | None = None

    def routes(self) -> list[Route]:
        api, get, post = "/api/v1", ["GET"], ["POST"]
        ours = ["GET", "PATCH", "DELETE"]
        return [
            Route(f"{api}/me", told({"organisationId": ORG, "role": "admin", "user": {"id": ADA, "firstName": "Ada"}})),
            Route(f"{api}/organisation", changed(organisation()), methods=["GET", "PATCH"]),
            Route(f"{api}/kinds", told({"kinds": KINDS})),
            Route(f"{api}/models", told(MODELS)),
            Route(f"{api}/agents", listed("agents", AGENT), methods=get),
            Route(f"{api}/agents", made(AGENT), methods=post),
            Route(f"{api}/agents/runs", self.agent_runs),
            Route(f"{api}/agents/runs/{{id}}", self.transcript),
            Route(f"{api}/agents/runs/{{id}}/crystallize", crystallized, methods=post),
            Route(f"{api}/agents/slug/{{slug}}", known(AGENT, AGENT["slug"])),
            Route(f"{api}/agents/{{id}}", changed(AGENT), methods=ours),
            Route(f"{api}/chat/threads", told(PAGED | {"threads": [THREAD]})),
            Route(f"{api}/chat/threads/{{id}}", changed(THREAD), methods=ours),
            Route(f"{api}/chat/threads/{{id}}/messages", told(PAGED | {"messages": [MESSAGE]})),
            Route(f"{api}/chat/threads/{{id}}/crystallize", crystallized, methods=post),
            Route(f"{api}/sources", told({"sources": SOURCES})),
            Route(f"{api}/sources/{{name}}", told(SOURCES[0] | SCHEMAS)),
            Route(f"{api}/datasets", listed("datasets", DATASET)),
            Route(f"{api}/datasets/{{name}}", known(DATASET | DETAIL, DATASET["name"])),
            Route(f"{api}/datasets/{{name}}/versions", listed("versions", WRITE)),
            Route(f"{api}/datasets/{{name}}/lineage", told(LINEAGE | COLUMNS | {"complete": False})),
            Route(f"{api}/datasets/{{name}}/preview", told(PREVIEW)),
            Route(f"{api}/datasets/{{name}}/profile", told(PROFILE)),
            Route(f"{api}/datasets/{{name}}/download", file),
            Route(f"{api}/artifacts", listed("artifacts", ARTIFACT)),
            Route(f"{api}/artifacts/{{name}}", told(ARTIFACT)),
            Route(f"{api}/artifacts/{{name}}/download", file),
            Route(
                f"{api}/artifacts/{{name}}/links", made({"path": "/artifacts/signed", "expiresAt": BORN}), methods=post
            ),
            Route(f"{api}/templates", told({"templates": TEMPLATES})),
            Route(f"{api}/users", listed("members", member()), methods=get),
            Route(f"{api}/users", made(member() | INVITED), methods=post),
            Route(f"{api}/users/{{id}}", changed(member()), methods=ours),
            Route(f"{api}/invitations/accept", made({"token": "signed", "expiresAt": BORN}), methods=post),
            Route(f"{api}/session", made({"token": "signed", "expiresAt": BORN}), methods=post),
            Route(f"{api}/api-keys", listed("apiKeys", api_key()), methods=get),
            Route(f"{api}/api-keys", made(api_key(key="vai_the_key")), methods=post),
            Route(f"{api}/api-keys/{{id}}", changed(api_key()), methods=ours),
            Route(f"{api}/action-runs/batch", self.batch, methods=post),
            Route("/admin/organisations", listed("organisations", organisation()), methods=get),
            Route("/admin/organisations", made(organisation(administrator=member() | INVITED)), methods=post),
            Route("/admin/organisations/{id}", changed(organisation()), methods=ours),
            Route("/webhooks/{org}/{path:path}", made({"status": "accepted"}, 202), methods=post),
        ]

    def agent_runs(self, _request: Request) -> Response:
        definition = {"agent": "order-analyst", "question": "How many orders?"}
        if self._agent_run is None:
            self._agent_run = self.platform.add_run(kind="call_agent", definition=definition, status="completed")
        return JSONResponse({"runs": [self._agent_run], "hasNext": False, "limit": 100, "offset": 0, "total": 1})

    def transcript(self, request: Request) -> Response:
        run = self.platform.add_run(kind="call_agent", status="completed")
        told = {"run": run, "used": USED, "question": "How many orders?", "turns": [TURN], "hasMore": True}
        return JSONResponse(told | {"agent": None, "inputs": {}})

    async def batch(self, request: Request) -> Response:
        bodies = (await request.json())["runs"]
        refusal = {"loc": ["body", "kind"], "msg": "is needed", "type": "missing"}
        good = [
            {"status": 201, "run": self.platform.add_run(**body)}
            if "kind" in body
            else {"status": 422, "detail": [refusal]}
            for body in bodies
        ]
        return JSONResponse({"results": good})


async def file(request: Request) -> Response:
    """A table as a file; that of `gold.cut` breaks off."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"day,sold\n"
        if request.path_params["name"] == "gold.cut":
            raise ConnectionAbortedError
        yield b"2026-01-02,\n"

    return StreamingResponse(pieces(), media_type="text/csv")


def told(answer: Json) -> Any:
    def endpoint(_request: Request) -> Response:
        return JSONResponse(answer)

    return endpoint


def known(answer: Json, *names: str) -> Any:
    """What is asked for by its id or one of these names; anything else is not there."""

    def endpoint(request: Request) -> Response:
        (asked,) = request.path_params.values()
        return JSONResponse(answer) if asked in {answer["id"], *names} else problem(404, "it is not there")

    return endpoint


def listed(key: str, *items: Json) -> Any:
    return told({key: list(items), "users": {}, "hasNext": False, "limit": 100, "offset": 0, "total": len(items)})


def made(answer: Json, status: int = 201) -> Any:
    async def endpoint(request: Request) -> Response:
        given = await request.json() if await request.body() else {}
        known = {name: value for name, value in given.items() if name in answer and name != "administrator"}
        return JSONResponse(answer | known, status)

    return endpoint


def changed(answer: Json) -> Any:
    async def endpoint(request: Request) -> Response:
        if request.path_params.get("id", answer["id"]) != answer["id"]:
            return problem(404, "not found")
        if request.method == "DELETE":
            return Response(status_code=204)
        return JSONResponse(answer | (await request.json() if request.method == "PATCH" else {}))

    return endpoint
