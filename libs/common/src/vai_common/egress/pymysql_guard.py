"""PyMySQL for a tenant's database: to permitted addresses only. It gets a socket, and resolves nothing itself."""

import math
import socket
from typing import Any

import pymysql
from pymysql.constants import CR

from vai_common.egress.addresses import Policy, resolve
from vai_common.egress.tls_by_name import NamedContext, contexts


def connect(
    policy: Policy,
    host: str,
    port: int,
    user: str,
    password: str,
    database: str | None,
    sslmode: str = "prefer",
    ca_certificate: str | None = None,
    connect_seconds: float = 10.0,
    read_seconds: float = 30.0,
) -> Any:
    """A connection to MySQL or MariaDB at a checked address; TLS as libpq's `sslmode` says, by the name of the host.

    Its values are the bytes that the server has sent. No file of this machine is ever sent to it.
    Raises `EgressRefused`, `UnknownHost`, OSError and PyMySQL's errors.
    """
    ways = contexts(host, sslmode, ca_certificate)
    given = (host, port, user, password, database)
    for tls in ways[:-1]:
        try:
            return _connected(_socket(policy, host, port, connect_seconds), given, tls, connect_seconds, read_seconds)
        except pymysql.err.OperationalError as error:
            if error.args[0] != CR.CR_SSL_CONNECTION_ERROR:
                raise
    return _connected(_socket(policy, host, port, connect_seconds), given, ways[-1], connect_seconds, read_seconds)


def _socket(policy: Policy, host: str, port: int, seconds: float) -> socket.socket:
    addresses = resolve(host, port, policy)
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), seconds)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), seconds)


def _connected(
    sock: socket.socket,
    given: tuple[str, int, str, str, str | None],
    tls: NamedContext | None,
    connect_seconds: float,
    read_seconds: float,
) -> Any:
    """All parameters are given, so that PyMySQL reads no option file."""
    host, port, user, password, database = given
    conn = pymysql.connections.Connection(
        host=host,
        port=port,
        user=user,
        password=password.encode(),  # PyMySQL itself takes no other letters than those of Latin-1
        database=database,
        charset="utf8mb4",
        use_unicode=False,
        conv={},
        connect_timeout=math.ceil(connect_seconds),
        read_timeout=connect_seconds,
        write_timeout=connect_seconds,
        local_infile=False,
        autocommit=None,
        ssl=tls,
        ssl_disabled=tls is None,
        defer_connect=True,
    )
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        conn.connect(sock)
    except BaseException:
        sock.close()
        raise
    conn._read_timeout = conn._write_timeout = read_seconds
    return conn
