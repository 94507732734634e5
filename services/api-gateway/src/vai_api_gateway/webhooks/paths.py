"""The automation of a webhook's path, remembered for a second, so that many webhooks cost few queries."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from vai_common import clock
from vai_common.queries import Pool
from vai_records.automations import webhooks
from vai_records.secrets.keys import Keyring

REMEMBER_SECONDS = 1.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class OpenWebhook:
    """A webhook's automation, with the secret's text."""

    id: UUID
    version_id: UUID
    status: str
    secret: str = field(repr=False)


class _Asked(NamedTuple):
    answer: asyncio.Task[OpenWebhook | None]
    good_until: float


class WebhookPaths:
    """Automations by their webhook's path, at most a second old. Only one query at a time for each path."""

    def __init__(self, pool: Pool, keyring: Keyring, seconds: Callable[[], float] = clock.steady_seconds) -> None:
        self._pool = pool
        self._keyring = keyring
        self._seconds = seconds
        self._asked: OrderedDict[tuple[UUID, str], _Asked] = OrderedDict()

    async def find(self, org_id: UUID, path: str) -> OpenWebhook | None:
        """Raises `SecretError` if the secret cannot be decrypted."""
        key, now = (org_id, path), self._seconds()
        asked = self._asked.get(key)
        if asked is None or now >= asked.good_until or _failed(asked.answer):
            asked = _Asked(asyncio.create_task(self._read(org_id, path)), now + REMEMBER_SECONDS)
            asked.answer.add_done_callback(_failed)
            self._remember(key, asked)
        return await asyncio.shield(asked.answer)

    def _remember(self, key: tuple[UUID, str], asked: _Asked) -> None:
        self._asked[key] = asked
        self._asked.move_to_end(key)
        if len(self._asked) > _MOST_REMEMBERED:
            self._asked.popitem(last=False)

    async def _read(self, org_id: UUID, path: str) -> OpenWebhook | None:
        found = await webhooks.find(self._pool, org_id, path)
        if found is None:
            return None
        secret = self._keyring.decrypt(found.secret, org_id, found.id).decode()
        return OpenWebhook(found.id, found.version_id, found.status, secret)


def _failed(answer: asyncio.Task[OpenWebhook | None]) -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
