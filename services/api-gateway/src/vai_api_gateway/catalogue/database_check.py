"""Tests a connection to a SQL database: sign in to PostgreSQL; for any other only connect."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote

import asyncpg

from vai_common.egress.addresses import Policy
from vai_common.egress.asyncpg_guard import reach, sign_in
from vai_common.errors import ErrorCode, Permanent, Retryable

_PORTS = {
    "postgresql": 5432,
    "postgres": 5432,
    "redshift": 5439,
    "mysql": 3306,
    "mariadb": 3306,
    "mssql": 1433,
    "sqlserver": 1433,
    "oracle": 1521,
    "clickhouse": 9000,
}
_POSTGRES = frozenset(("postgresql", "postgres", "redshift"))


@dataclass(frozen=True)
class Database:
    kind: str
    host: str
    port: int
    name: str | None = None
    user: str | None = None
    password: str = field(default="", repr=False)


def database_of(
    provider: str, config: Mapping[str, Any], credentials: Mapping[str, Any], address: SplitResult | None
) -> Database | None:
    """From `config.url` (`postgresql://host:port/name`), or `host`, `port` and `database`; None if it is no database.

    User and password come from the credentials. Raises `Permanent` for a bad port.
    """
    kind = (address.scheme if address else provider).split("+")[0].lower()
    host = address.hostname if address else config.get("host")
    if not isinstance(host, str) or not host or (address is not None and kind not in _PORTS):
        return None
    try:
        port = int((address.port if address else config.get("port")) or _PORTS.get(kind, 0))
    except (ValueError, TypeError) as error:
        raise Permanent(ErrorCode.DATA_ERROR, "config.port must be a number from 1 to 65535") from error
    if not 0 < port < 65_536:
        raise Permanent(ErrorCode.DATA_ERROR, "config.port must be a number from 1 to 65535")
    name = unquote(address.path.lstrip("/")) if address else config.get("database")
    user = credentials.get("username") or credentials.get("user")
    return Database(
        kind, host, port, str(name) if name else None, str(user) if user else None, str(credentials.get("password", ""))
    )


async def look(database: Database, policy: Policy, seconds: float) -> tuple[str, bool]:
    """How it answered, and whether the credentials were accepted. Raises `RunError` if it does not work."""
    try:
        async with asyncio.timeout(seconds):
            return await _look(database, policy)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _fault(database, error) from error


async def _look(database: Database, policy: Policy) -> tuple[str, bool]:
    host, port, user = database.host, database.port, database.user
    if database.kind in _POSTGRES and user:
        await sign_in(policy, host, port, user, database.password, database.name or user)
        return f"{host} accepted the user {user}", True
    await reach(policy, host, port)
    return f"{host}:{port} accepts connections; user and password are checked by a run", False


def _fault(database: Database, error: Exception) -> Exception:
    where = f"{database.host}:{database.port}"
    details = {"host": database.host, "port": database.port}
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return Permanent(ErrorCode.AUTH_ERROR, f"{where} refuses the user or the password; correct them", details)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        message = f"{where} has no database {database.name or database.user!r}; correct config.database"
        return Permanent(ErrorCode.CONNECTION_ERROR, message, details)
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return Permanent(ErrorCode.CONNECTION_ERROR, f"{where} does not speak PostgreSQL; check host and port", details)
    message = f"{where} does not answer ({type(error).__name__}); check the address, or try again later"
    return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
