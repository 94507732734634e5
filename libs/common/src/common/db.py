"""Connections to Postgres. Each session says which service it is: the lifecycle's trigger asks (`vai.role`)."""

import re
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
)
"""The database did not do it this time: it stops, starts, or had to undo one of two."""

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def dump_json(value: object) -> str:
    """JSON as Postgres can store it: U+0000, which it refuses, becomes U+FFFD."""
    text = orjson.dumps(value).decode()
    return _NUL.sub("\\1\N{REPLACEMENT CHARACTER}", text) if "\\u0000" in text else text


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=dump_json, decoder=orjson.loads, schema="pg_catalog")


async def _keep(connection: Any) -> None:
    """Instead of asyncpg's round trip at each release: nothing here leaves settings, cursors or locks behind."""


def _session(role: str) -> dict[str, str]:
    return {"vai.role": role, "application_name": role, "TimeZone": "UTC", "jit": "off"}


_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


async def open_pool(url: str, role: str, size: int = 4) -> Any:
    """A pool whose sessions act as `role`; opens its first connection at once, the others when needed.

    Its statements are few and fixed, and each is planned once: planning one anew costs as much as running it. A plan
    may be older than the rows in its tables, so it reads no whole table where an index answers.
    """
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        init=_prepare,
        reset=_keep,
        server_settings={**_session(role), **_PLANNED_ONCE},
        max_inactive_connection_lifetime=0,
    )


async def connect(url: str, role: str) -> Any:
    """One connection of its own: for LISTEN and for locks that live as long as the session."""
    connection = await asyncpg.connect(url, server_settings=_session(role))
    await _prepare(connection)
    return connection


def engine(url: str, role: str, size: int = 4) -> "AsyncEngine":
    """SQLAlchemy over the same database, for lists and filters (rule 17).

    A connection that has lain idle is asked first: one that a restart of Postgres has ended must cost no request.
    """
    from sqlalchemy.ext.asyncio import create_async_engine

    address = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    return create_async_engine(
        address,
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"server_settings": _session(role)},
        json_serializer=dump_json,
        json_deserializer=orjson.loads,
    )
