"""The lists of models of an organisation's providers: requested at the same time, kept for a minute."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from vai_api_gateway.models.api import ModelApi
from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Retryable, RunError
from vai_records.connections.connections import Connection
from vai_records.models.providers import PROVIDERS

KEPT_SECONDS = 60.0
KEPT_ERROR_SECONDS = 10.0
"""How long a provider that did not answer is not asked again."""

LONGEST_SECONDS = 12.0
"""The time limit in seconds for all connections of an organisation together. Providers that are slower count as not
answering.
"""

_MOST_KEPT = 1_000
_AT_ONCE = 8


@dataclass(frozen=True)
class Listed:
    """The models of one connection, or why it could not be asked."""

    names: tuple[str, ...]
    error: dict[str, Any] | None = None


class ModelLists:
    """One object per process. A list is kept until its connection changes, `KEPT_SECONDS` at most.

    An organisation asks at most eight providers at once, however often it wants its list, and waits for no other's.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._kept: OrderedDict[tuple[UUID, object], tuple[float, Listed]] = OrderedDict()
        self._rooms: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    async def of(self, org_id: UUID, opened: Sequence[tuple[Connection, dict[str, Any]]]) -> list[Listed]:
        """For an organisation's connections with their credentials, in their order."""
        room = self._rooms.setdefault(org_id, asyncio.Semaphore(_AT_ONCE))
        asked = [asyncio.ensure_future(self._of_one(room, *one)) for one in opened]
        if not asked:
            return []
        try:
            done, _ = await asyncio.wait(asked, timeout=LONGEST_SECONDS)
        finally:
            for one in asked:
                one.cancel()
        return [
            one.result() if one in done else _late(connection)
            for one, (connection, _) in zip(asked, opened, strict=True)
        ]

    async def _of_one(self, room: asyncio.Semaphore, connection: Connection, credentials: dict[str, Any]) -> Listed:
        if named := connection.config.get("models"):
            return Listed(tuple(named))
        async with room:  # another request may have filled the cache meanwhile
            key = (connection.id, connection.updated_at)
            kept = self._kept.get(key)
            if kept is not None and steady_seconds() < kept[0]:
                return kept[1]
            listed = await self._asked(connection, credentials)
            self._kept[key] = (
                steady_seconds() + (KEPT_SECONDS if listed.error is None else KEPT_ERROR_SECONDS),
                listed,
            )
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return listed

    async def _asked(self, connection: Connection, credentials: dict[str, Any]) -> Listed:
        api = ModelApi(PROVIDERS[connection.provider], connection.config, credentials, self._policy)
        try:
            return Listed(tuple(sorted(await api.names())))
        except RunError as error:
            return Listed((), error.as_json())


def _late(connection: Connection) -> Listed:
    message = f"{connection.slug} was not asked in time, since others took too long; give config.models, or ask again"
    return Listed((), Retryable(ErrorCode.CONNECTION_ERROR, message).as_json())
