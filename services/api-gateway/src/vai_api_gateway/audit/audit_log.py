"""Writes the audit log: an entry before a route does its work, its outcome before the answer is sent (decision 75).

So no change of a route is without an entry: where it cannot be written, nothing is done. If the gateway dies in
between, the entry stays without an outcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

import orjson
import structlog
from fastapi import Request, Response
from pydantic import BaseModel

from vai_api_gateway.audit.acts import Act
from vai_api_gateway.auth.addresses import whole_address_of
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.throttle import Throttle
from vai_api_gateway.http.edge import REQUEST_ID
from vai_api_gateway.problems import status_of
from vai_common.queries import Queries
from vai_records.audit import entries
from vai_records.audit.entries import ActorType, What, Who

_log = structlog.get_logger()

_MOST_FIELDS = 50
_LARGEST_READ = 65_536
"""Bytes of an answer that is looked at for the id and the name of what was made."""
_NAMES = ("name", "email", "title", "slug")


class AuditLog:
    """Entries of one gateway. `proxies` is how many proxies of ours add to X-Forwarded-For."""

    def __init__(self, conn: Queries, proxies: int) -> None:
        self._conn = conn
        self._proxies = proxies
        self._refusals = Throttle(1.0, 60.0)

    def who(self, request: Request, principal: Principal) -> Who:
        """The principal of a request, as an entry names it."""
        kind = ActorType.SERVICE_ACCOUNT if principal.is_service else ActorType.USER
        return self._from(request, Who(principal.org_id, kind, principal.user_id, principal.key_id))

    def person(self, request: Request, org_id: UUID, user_id: UUID) -> Who:
        """A person who is signing in or out."""
        return self._from(request, Who(org_id, ActorType.USER, user_id))

    def operator(self, request: Request, org_id: UUID) -> Who:
        """Whoever runs the installation."""
        return self._from(request, Who(org_id, ActorType.OPERATOR))

    def _from(self, request: Request, who: Who) -> Who:
        address = whole_address_of(request, self._proxies) or None
        return Who(who.org_id, who.actor_type, who.actor_id, who.key_id, address, request.scope.get(REQUEST_ID))

    async def add(self, who: Who, what: What, status: int | None = None) -> UUID:
        """An entry; without a status, its outcome comes later."""
        return await entries.add(self._conn, who, what, status)

    async def add_many(self, who: Who, what: What, targets: Sequence[str | None]) -> list[UUID]:
        """The same entry for each of these targets."""
        return await entries.add_many(self._conn, who, what, targets)

    async def refused(self, request: Request, principal: Principal, act: Act, status: int) -> None:
        """A request whose role or scopes are not enough. Of one person at most one a second for long."""
        name = str(principal.user_id)
        if self._refusals.wait(name):
            _log.warning("refusal_not_written", action=act.action, request_id=request.scope.get(REQUEST_ID))
            return
        self._refusals.take(name)
        await self._quietly(self.add(self.who(request, principal), _what(request, act, ()), status))

    async def end(self, entry_id: UUID, status: int, target: tuple[str | None, str | None] = (None, None)) -> None:
        """The outcome. The work is done: an error here is logged, and the entry stays without one."""
        await self._quietly(entries.end(self._conn, entry_id, status, target))

    async def end_many(self, statuses: Mapping[UUID, int]) -> None:
        """The outcomes of many entries."""
        await self._quietly(entries.end_many(self._conn, statuses))

    async def _quietly(self, writing: Coroutine[Any, Any, Any]) -> None:
        try:
            await writing
        except Exception as error:
            _log.error("audit_not_written", error=f"{type(error).__name__}: {error}")


def kept(
    endpoint: Callable[..., Awaitable[Response]], act: Act, asked_by: Callable[[Request], Principal]
) -> Callable[..., Awaitable[Response]]:
    """The endpoint with an entry around it. It is called once the body is known to be valid."""

    @wraps(endpoint)
    async def with_entry(request: Request, **given: Any) -> Response:
        log: AuditLog = request.app.state.gateway.audit
        what = _what(request, act, fields_of(given.values()))
        entry_id = await log.add(log.who(request, asked_by(request)), what)
        try:
            response = await endpoint(request=request, **given)
        except Exception as error:
            await asyncio.shield(log.end(entry_id, status_of(error)))
            raise
        made = (None, None) if what.target_id or response.status_code != 201 else _made(response)
        await asyncio.shield(log.end(entry_id, response.status_code, made))
        return response

    return with_entry


def _what(request: Request, act: Act, fields: Sequence[str]) -> What:
    """The first id of the path is the target; further ones are told with it."""
    first, *rest = [(name.removesuffix("_id"), str(value)) for name, value in request.path_params.items()] or [("", "")]
    told = ", ".join(f"{name} {value}" for name, value in rest) or None
    return What(act.action, act.target_type, first[1] or None, told, fields)


def fields_of(given: Iterable[Any]) -> list[str]:
    """The names of what the bodies among `given` say, and of what stands in an object there; never a value."""
    return sorted(set(_fields(given)))[:_MOST_FIELDS]


def _fields(values: Iterable[Any]) -> Iterator[str]:
    for body in values:
        if not isinstance(body, BaseModel):
            continue
        for name in body.model_fields_set & type(body).model_fields.keys():
            shown, value = type(body).model_fields[name].alias or name, getattr(body, name)
            if isinstance(value, BaseModel):
                yield from (f"{shown}.{inner}" for inner in _fields([value]))
            else:
                yield shown


def _made(response: Response) -> tuple[str | None, str | None]:
    """Id and name of what an answer shows."""
    body = bytes(response.body)
    if len(body) > _LARGEST_READ or response.media_type != "application/json":
        return None, None
    shown = orjson.loads(body)
    found = shown if isinstance(shown, dict) else {}
    name = next((found[key] for key in _NAMES if isinstance(found.get(key), str)), None)
    return (str(found["id"]) if "id" in found else None), name
