"""What the routes work with: one object, made at boot."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from api_gateway.alive import KindsAlive
from api_gateway.auth import Authenticator
from api_gateway.intake import Intake
from api_gateway.settings import Settings
from common.bell import Bell
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
    intake: Intake
    alive: KindsAlive
    bell: Bell
    publisher: Publisher
    process_id: UUID


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway
