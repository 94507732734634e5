"""A route: who may ask, what the query may hold, in whose trace it is answered, and what it leaves in the audit log."""

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cached_property
from typing import Any, ClassVar, get_args, get_origin
from urllib.parse import unquote_plus

from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from vai_api_gateway.audit.acts import LEFT_OUT, SAFE, WRITES_ITSELF, act_of
from vai_api_gateway.audit.audit_log import AuditLog, kept
from vai_api_gateway.auth.needs import Need, need_of
from vai_api_gateway.auth.roles import Demand, Endpoint, asked_by, demand_of, refused_one
from vai_api_gateway.http.arguments import Arguments, arguments_of
from vai_api_gateway.http.counting import SERVED
from vai_api_gateway.http.edge import REQUEST_ID, Receive, Scope, Send
from vai_api_gateway.http.requests import BatchRequest, JsonRequest, SignInRequest
from vai_api_gateway.problems import Problem, answer_to
from vai_common.telemetry import SERVER, about, span
from vai_common.validation_messages import nearest
from vai_records.refused import Fault, Refused, refused


class JsonRoute(APIRoute):
    """Routes whose requests are read as `JsonRequest`, in the trace that the caller names.

    The head is checked first: without a credential (401, 403) or with an unknown query parameter the body is not read.
    """

    reads: ClassVar[type[JsonRequest]] = JsonRequest
    any_query: ClassVar[bool] = False
    """Whether unknown query parameters are allowed."""
    demand: Demand | None
    """The role that it needs; None if it is open."""
    need: Need
    """The scope that it needs of a key that is narrowed."""
    leaves_entry: bool
    """Whether a request that is served leaves an entry in the audit log."""
    arguments: Arguments | None
    """Reads what its function is called with; None if FastAPI must do it."""
    methods: set[str]

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        self.demand, called = demand_of(endpoint)
        name = endpoint.__name__
        is_reading = set(options.get("methods") or {"GET"}) <= SAFE
        self.act = None if is_reading else act_of(name, path)
        self.need = need_of(name, path, is_reading=is_reading)
        self.leaves_entry = self.act is not None and name not in LEFT_OUT
        if self.act is not None and self.leaves_entry and name not in WRITES_ITSELF:
            called = kept(called, self.act, asked_by)
        super().__init__(path, called, **options)
        self.arguments = arguments_of(self)
        method = " ".join(sorted(self.methods))
        self._name = f"{method} {self.path_format}"
        self._declared = {"http.request.method": method, "http.route": self.path_format}

    @cached_property
    def known(self) -> Mapping[str, bool]:
        """The names of the query parameters, and whether each may be given more than once."""
        fields = [field for field in get_flat_params(self.dependant) if isinstance(field.field_info, Query)]
        return {field.alias: _takes_many(field.field_info.annotation) for field in fields}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """How FastAPI calls a route that needs more of it than its parameters."""
        handle = super().get_route_handler()

        async def read_and_handle(request: Request) -> Response:
            return await self._answer(self.reads(request.scope, request.receive), handle)

        return read_and_handle

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the router, once it has found this path."""
        if self.arguments is None or scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
        else:
            await self.serve(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request whose function needs its `arguments` only. An error gets its answer, too."""
        request = self.reads(scope, receive)
        try:
            answer = await self._answer(request, self._call)
        except Exception as error:
            answer = await run_in_threadpool(answer_to, request, error)
        await answer(scope, receive, send)

    async def _call(self, request: Request) -> Response:
        assert self.arguments is not None
        answer: Response = await self.endpoint(**await self.arguments.read(request))
        return answer

    async def _answer(self, request: JsonRequest, handle: Callable[[Request], Awaitable[Response]]) -> Response:
        """Checks the head, then handles the request in its trace."""
        scope = request.scope
        named, who = request.headers.get("traceparent"), {"request_id": scope.get(REQUEST_ID)}
        about(named, **who)
        if self.demand is not None:
            try:
                who["organisation_id"] = (await self.demand.principal(request, self.need)).org_id
            except Problem as error:
                await self._note_refusal(request, error)
                raise
            about(named, **who)
        query = scope["query_string"]
        if b"%00" in query or "\x00" in scope["path"]:
            where = "query" if b"%00" in query else "path"
            raise refused((where,), "no text may hold the character U+0000")
        if query and not self.any_query:
            _refuse_slips(query, self.known)
        with span(self._name, named, self._declared, SERVER, stays_open=True) as served:
            if served is not None:
                scope[SERVED] = served
                about(served, **who)
            return await handle(request)

    async def _note_refusal(self, request: Request, error: Problem) -> None:
        """A change that is refused to somebody who is known leaves an entry."""
        if self.act is not None and (principal := refused_one(request)) is not None:
            log: AuditLog = request.app.state.gateway.audit
            await log.refused(request, principal, self.act, error.status_code)


class BatchRoute(JsonRoute):
    """A route whose requests are read as `BatchRequest`."""

    reads = BatchRequest


class SignInRoute(JsonRoute):
    """A route whose requests are read as `SignInRequest`."""

    reads = SignInRequest


def _takes_many(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def _refuse_slips(query: bytes, known: Mapping[str, bool]) -> None:
    """Raises `Refused` with each unknown name, and each that is given twice where one value counts: a misspelled
    filter must not return everything.
    """
    given = Counter(unquote_plus(part.partition(b"=")[0].decode("latin-1"))[:100] for part in query.split(b"&") if part)
    faults: list[Fault] = []
    for name, times in sorted(given.items()):
        if name not in known:
            faults.append((("query", name), _nearest(name, known), "extra_forbidden"))
        elif times > 1 and not known[name]:
            faults.append((("query", name), f"{name} is given {times} times; give it once", "repeated"))
    if faults:
        raise Refused(faults[:20])


def _nearest(name: str, known: Mapping[str, bool]) -> str:
    """The message for an unknown name, with the known ones."""
    if not known:
        return "there is no such query parameter; this path takes none"
    return f"there is no such query parameter; {nearest(name, known)}"
