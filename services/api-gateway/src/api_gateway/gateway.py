"""What the routes work with: one object, made at boot."""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from api_gateway.auth import Authenticator
from api_gateway.feed import Feed
from api_gateway.fleet import Fleet
from api_gateway.hook_intake import HookIntake
from api_gateway.hooks import Hooks
from api_gateway.intake import Intake
from api_gateway.narrow import Narrow
from api_gateway.settings import Settings
from api_gateway.sign_in import PasswordDesk, SignIns
from api_gateway.tail import Tail
from api_gateway.waiting import Waiters
from common.bell import Bell
from drawing.drawer import Drawer
from records import totals
from records.automations.versions import Versions
from records.publication import Publisher
from records.secrets import Keyring


@dataclass(frozen=True)
class Gateway:
    """`pool` is asyncpg, for the run's path; `engine` is SQLAlchemy, for the rest; `process_id` writes events."""

    settings: Settings
    pool: Any
    engine: AsyncEngine
    keyring: Keyring
    authenticator: Authenticator
    desk: PasswordDesk
    sign_ins: SignIns
    intake: Intake
    hooks: Hooks
    hook_intake: HookIntake
    fleet: Fleet
    waiters: Waiters
    tail: Tail
    automation_tail: Tail
    versions: Versions
    feed: Feed
    drawer: Drawer
    bell: Bell
    publisher: Publisher
    process_id: UUID
    stopping: asyncio.Event

    @cached_property
    def changes(self) -> Narrow:
        """The part of `pool` for what people change of runs."""
        return Narrow(self.pool, max(1, self.pool.get_max_size() // 2))

    async def fold_totals_once(self) -> None:
        """Keeps the totals of lists short."""
        await totals.fold(self.pool)


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
