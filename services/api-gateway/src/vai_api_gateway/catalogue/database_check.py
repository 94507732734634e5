"""Tests a connection to a SQL database: sign in to PostgreSQL, MySQL and MariaDB; to any other only connect."""

import asyncio
import ssl

import asyncpg

from vai_common.egress.addresses import Policy
from vai_common.egress.asyncpg_guard import reach, sign_in
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.connections.databases import MYSQL, POSTGRES, Database

_REFUSED = frozenset((1045, 1251, 1698, 2059))
_UNKNOWN_DATABASE = frozenset((1044, 1049))
_NO_TLS = 2026


async def look(database: Database, policy: Policy, seconds: float) -> tuple[str, bool]:
    """How it answered, and whether the credentials were accepted. Raises `RunError` if it does not work."""
    try:
        async with asyncio.timeout(seconds):
            return await _look(database, policy, seconds)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _fault(database, error) from error


async def _look(database: Database, policy: Policy, seconds: float) -> tuple[str, bool]:
    at, user = database, database.user
    if at.kind in POSTGRES and user:
        name = at.name or user
        await sign_in(policy, at.host, at.port, user, at.password, name, at.sslmode, at.ca_certificate)
        return f"{at.host} accepted the user {user}", True
    if at.kind in MYSQL and user:
        await asyncio.to_thread(_sign_in_to_mysql, at, policy, seconds)
        return f"{at.host} accepted the user {user}", True
    await reach(policy, at.host, at.port)
    return f"{at.place} accepts connections; user and password are checked by a run", False


def _sign_in_to_mysql(at: Database, policy: Policy, seconds: float) -> None:
    """PyMySQL is imported with the first test that needs it."""
    import pymysql

    from vai_common.egress.pymysql_guard import connect

    given = (at.host, at.port, at.user or "", at.password, at.name, at.sslmode, at.ca_certificate)
    try:
        connect(policy, *given, seconds, seconds).close()
    except (RunError, OSError):
        raise
    except Exception as error:
        if isinstance(cause := getattr(error, "original_exception", None), OSError):
            raise cause from error
        code = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
        raise _mysql_fault(at, code) from error


def _mysql_fault(at: Database, code: object) -> RunError:
    details = {"host": at.host, "port": at.port}
    if code in _REFUSED:
        return _refuses(at)
    if code in _UNKNOWN_DATABASE:
        return _unknown_database(at)
    if code == _NO_TLS:
        return Permanent(ErrorCode.CONNECTION_ERROR, f"{at.place} speaks no TLS; correct config.sslmode", details)
    if isinstance(code, int) and code not in (0, 2013):
        message = f"{at.place} takes no connection (error {code}); try again later"
        return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
    message = f"{at.place} does not speak MySQL; check host and port"
    return Permanent(ErrorCode.CONNECTION_ERROR, message, details)


def _refuses(at: Database) -> Permanent:
    message = f"{at.place} refuses the user or the password; correct them"
    return Permanent(ErrorCode.AUTH_ERROR, message, {"host": at.host, "port": at.port})


def _unknown_database(at: Database) -> Permanent:
    message = f"{at.place} has no database {at.name or at.user!r}; correct config.database"
    return Permanent(ErrorCode.CONNECTION_ERROR, message, {"host": at.host, "port": at.port})


def _fault(database: Database, error: Exception) -> RunError:
    where, details = database.place, {"host": database.host, "port": database.port}
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return _refuses(database)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return _unknown_database(database)
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate of {where} is not valid for it; correct config.ca_certificate or config.sslmode"
        return Permanent(ErrorCode.CONNECTION_ERROR, message, details)
    if isinstance(error, ConnectionError) and "rejected SSL" in str(error):
        return Permanent(ErrorCode.CONNECTION_ERROR, f"{where} speaks no TLS; correct config.sslmode", details)
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return Permanent(ErrorCode.CONNECTION_ERROR, f"{where} does not speak PostgreSQL; check host and port", details)
    message = f"{where} does not answer ({type(error).__name__}); check the address, or try again later"
    return Retryable(ErrorCode.CONNECTION_ERROR, message, details)
