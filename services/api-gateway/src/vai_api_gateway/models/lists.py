"""What the providers of an organisation's connections say that they have: asked side by side, kept for a minute."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_api_gateway.models.api import ModelApi
from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_common.errors import RunError
from vai_records.connections.connections import Connection
from vai_records.models.providers import PROVIDERS

KEPT_SECONDS = 60.0
_MOST_KEPT = 1_000
_AT_ONCE = 8


@dataclass(frozen=True)
class Listed:
    """The models of one connection, or why it could not be asked."""

    names: tuple[str, ...]
    error: dict[str, Any] | None = None


class ModelLists:
    """One for a process. A list is kept as long as its connection does not change, `KEPT_SECONDS` at most."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._kept: dict[tuple[UUID, object], tuple[float, Listed]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def of(self, opened: Sequence[tuple[Connection, dict[str, Any]]]) -> list[Listed]:
        """For connections with their credentials, in their order."""
        return list(await asyncio.gather(*(self._of_one(*one) for one in opened)))

    async def _of_one(self, connection: Connection, credentials: dict[str, Any]) -> Listed:
        if named := connection.config.get("models"):
            return Listed(tuple(named))
        key = (connection.id, connection.updated_at)
        kept = self._kept.get(key)
        if kept is not None and steady_seconds() - kept[0] < KEPT_SECONDS:
            return kept[1]
        async with self._room:
            listed = await self._asked(connection, credentials)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        if listed.error is None:
            self._kept[key] = (steady_seconds(), listed)
        return listed

    async def _asked(self, connection: Connection, credentials: dict[str, Any]) -> Listed:
        api = ModelApi(PROVIDERS[connection.provider], connection.config, credentials, self._policy)
        try:
            return Listed(tuple(sorted(await api.names())))
        except RunError as error:
            return Listed((), error.as_json())
