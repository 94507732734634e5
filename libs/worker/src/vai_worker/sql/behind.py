"""The database that a connection leads to."""

from collections.abc import Callable

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent
from vai_records.connections.credentials import split_address
from vai_records.connections.databases import MYSQL, POSTGRES, database_of
from vai_records.connections.databases import Database as Place
from vai_worker.children.job import ConnectionSecret
from vai_worker.sql.relations import Database
from vai_worker.sql.texts import Typing


def database_behind(
    connection: ConnectionSecret | None, policy: Policy, typing: Typing, check: Callable[[], None], read_seconds: float
) -> Database:
    """Not yet connected. `check` raises if the run has to stop; `read_seconds`: how long the server may say nothing.

    Raises DATA_ERROR or AUTH_ERROR for a connection that leads to no such database, or has no user.
    """
    place = _place(connection)
    if place.kind in MYSQL:
        from vai_worker.sql.mysql import Mysql

        return Mysql(place, policy, typing, check, read_seconds)
    from vai_worker.sql.postgres import Postgres

    return Postgres(place, policy, typing, check, read_seconds)


def _place(connection: ConnectionSecret | None) -> Place:
    if connection is None:
        text = "sql_database needs a connection (Postgres, MySQL, MariaDB), or the path of a SQLite file."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "connection"})
    address = split_address(connection.config.get("url") or connection.config.get("base_url"))
    place = database_of(connection.provider, connection.config, connection.credentials, address)
    if place is None or place.kind not in (POSTGRES | MYSQL) - {"redshift"}:
        text = (
            f"The connection {connection.slug} leads to no Postgres, MySQL or MariaDB. Give it the provider postgres "
        )
        text += "or mysql with config.host and config.database, or a config.url such as postgresql://host:5432/name."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "connection"})
    if not place.user:
        text = f"The connection {connection.slug} has no user: store username and password as its credentials."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"field": "connection"})
    return place
