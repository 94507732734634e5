"""The objects that routes need: connections, keys, caches. Made once at boot."""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from vai_api_gateway.audit.audit_log import AuditLog
from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.sign_in import PasswordDesk, SignIns
from vai_api_gateway.flashboards.drawn_tiles import DrawnTiles
from vai_api_gateway.http.changes import Changes
from vai_api_gateway.http.narrow_pool import Narrow
from vai_api_gateway.logs.tail import Tail
from vai_api_gateway.mcp.serving import Mcp
from vai_api_gateway.models.lists import ModelLists
from vai_api_gateway.runs.feed import Feed
from vai_api_gateway.runs.fleet import Fleet
from vai_api_gateway.runs.intake import Intake
from vai_api_gateway.runs.searching import Searches
from vai_api_gateway.runs.waiters import Waiters
from vai_api_gateway.settings import Settings
from vai_api_gateway.system.measures import Measures
from vai_api_gateway.webhooks.intake import WebhookIntake
from vai_api_gateway.webhooks.paths import WebhookPaths
from vai_common.messages.bell import Bell
from vai_common.queries import OpenPool
from vai_drawing.drawer import Drawer
from vai_records.automations.versions import Versions
from vai_records.events.publication import Publisher
from vai_records.listing import totals
from vai_records.secrets.keys import Keyring
from vai_worker.reading.desk import Desk


@dataclass(frozen=True)
class Gateway:
    """`pool` is asyncpg, for the path of runs. `engine` is SQLAlchemy, for the rest. `process_id` writes events."""

    settings: Settings
    pool: OpenPool
    engine: AsyncEngine
    keyring: Keyring
    authenticator: Authenticator
    desk: PasswordDesk
    sign_ins: SignIns
    intake: Intake
    webhook_paths: WebhookPaths
    webhook_intake: WebhookIntake
    fleet: Fleet
    waiters: Waiters
    tail: Tail
    automation_tail: Tail
    versions: Versions
    feed: Feed
    drawer: Drawer
    desk_of_tables: Desk
    bell: Bell
    publisher: Publisher
    process_id: UUID
    stopping: asyncio.Event

    @cached_property
    def audit(self) -> AuditLog:
        """Who does what."""
        return AuditLog(self.changes, self.settings.proxies)

    @cached_property
    def changes(self) -> Narrow:
        """The part of `pool` for people's changes of runs."""
        return Narrow(self.pool, max(1, self.pool.get_max_size() // 2))

    @cached_property
    def rows(self) -> Changes:
        """The part of `engine` for people's changes of anything else. The rest stays free for credentials and lists."""
        return Changes(self.engine, max(1, self.settings.lists_pool_size // 2))

    @cached_property
    def searches(self) -> Searches:
        """Pages of runs."""
        return Searches(self.pool)

    @cached_property
    def measures(self) -> Measures:
        """How the installation is."""
        return Measures(self.pool)

    @cached_property
    def model_lists(self) -> ModelLists:
        """What providers say that they have."""
        return ModelLists(self.settings.addresses)

    @cached_property
    def drawn_tiles(self) -> DrawnTiles:
        """Tiles of flashboards as HTML."""
        return DrawnTiles()

    @cached_property
    def mcp(self) -> Mcp:
        """What serves `/mcp`."""
        return Mcp(self.pool, self.stopping)

    async def fold_totals_once(self) -> None:
        """Keeps the totals of lists short."""
        await totals.fold(self.pool)


def gateway_of(request: Request) -> Gateway:
    """The gateway of a request. One dependency for all objects is cheaper than one for each (decision 67)."""
    gateway: Gateway = request.app.state.gateway
    return gateway
