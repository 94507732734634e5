"""The example's own database: a Postgres server on this machine with the tables of a small shop."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from vai_devstack.home import Home
from vai_devstack.servers.ports import PortBook, random_base
from vai_devstack.servers.postgres import Postgres

_MADE: Final = """
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id bigint PRIMARY KEY, name text NOT NULL, born date, tags text[]);
CREATE TABLE shop.orders (
    id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES shop.customers, total numeric(12,2) NOT NULL,
    state text NOT NULL, paid boolean NOT NULL, note jsonb, updated_at timestamptz NOT NULL
);
CREATE VIEW shop.spent AS
    SELECT name, sum(total) AS total FROM shop.orders o JOIN shop.customers c ON c.id = customer_id GROUP BY name;
INSERT INTO shop.customers
    SELECT n, 'customer ' || n, date '1970-01-01' + (n * 37)::int, ARRAY['new', 'r' || n % 3]
    FROM generate_series(1, 20) n;
INSERT INTO shop.orders
    SELECT n, 1 + n % 20, (n * 1999 % 100000) / 100.0, 'open', false, jsonb_build_object('lines', n % 5),
        timestamptz '2026-01-01' + n * interval '2 hours'
    FROM generate_series(1, 500) n;
"""
_CHANGED: Final = """
UPDATE shop.orders SET paid = true, state = 'paid', updated_at = '2026-03-01 10:00Z' WHERE id IN (7, 8);
INSERT INTO shop.orders VALUES (501, 3, 19.99, 'open', false, NULL, '2026-03-01 10:00:00.5Z');
"""


@dataclass(frozen=True)
class Shop:
    """`address` is what a connection needs: postgresql://user:password@host:port/database."""

    address: str

    async def change(self) -> None:
        """Two orders are paid, and there is a new one."""
        await _execute(self.address, _CHANGED)


@asynccontextmanager
async def opened_shop() -> AsyncIterator[Shop]:
    """The server with its tables, as long as the block."""
    home = Home.of(tempfile.mkdtemp(prefix="vai-shop-"))
    home.make()
    ports = PortBook(home.ports)
    server = Postgres(home, ports.take("postgres", random_base()), "example")
    try:
        await server.start()
        address = server.admin_url.rpartition("/")[0] + "/postgres"
        await _execute(address, _MADE)
        yield Shop(address)
    finally:
        await server.stop(immediate=True)
        ports.close()
        shutil.rmtree(home.root, ignore_errors=True)


async def _execute(address: str, statements: str) -> None:
    connection: Any = await asyncpg.connect(address)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
