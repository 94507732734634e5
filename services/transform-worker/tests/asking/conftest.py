"""A real Postgres with a shop's tables, and `explain_schema` of it without a worker."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.link import RecordingLink
from vai_transform_worker.asking.schema_child import explain
from vai_worker.children.job import ConnectionSecret, Job

Json = dict[str, Any]

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id int PRIMARY KEY, email text, tier varchar(10) NOT NULL, born date);
CREATE TABLE shop.orders (
    order_no text PRIMARY KEY, customer_id int REFERENCES shop.customers, total numeric(10, 2), note text,
    at timestamptz NOT NULL, "odd ""name" jsonb
);
CREATE TABLE shop.nothing (a int, b text);
CREATE VIEW shop.large AS SELECT * FROM shop.orders WHERE total > 30;
INSERT INTO shop.customers SELECT n, 'c' || n || '@example.com', 'gold', date '1990-01-01' + n
    FROM generate_series(1, 20) n;
INSERT INTO shop.orders SELECT 'A-' || n, n % 20 + 1, (n % 150) / 4.0, CASE WHEN n % 4 = 0 THEN 'gift' END,
    timestamptz '2026-01-01 00:00+00' + n * interval '1 hour', '{"n": 1}' FROM generate_series(1, 200) n;
ANALYZE
"""


@dataclass
class Explained:
    """Called with names of tables and fields of the definition: the run's result. `link` is that of the last call."""

    at: str
    link: RecordingLink = field(default_factory=RecordingLink)

    def execute(self, sql: str) -> None:
        """As the database's owner."""

        async def done() -> None:
            connection = await asyncpg.connect(self.at)
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        asyncio.run(done())

    def __call__(
        self,
        *tables: str,
        addresses: str = "loopback",
        provider: str = "postgres",
        user: str | None = None,
        seconds: float = 20.0,
        **definition: Any,
    ) -> Json:
        there = urlsplit(self.at)
        config = {"host": there.hostname, "port": there.port, "database": there.path.lstrip("/"), "sslmode": "disable"}
        credentials = {"username": user or there.username or "", "password": there.password or "none"}
        given = {"tables": list(tables), "schema": "shop", "connection": "pg", **definition}
        connection = ConnectionSecret("018f0000-0000-7000-8000-0000000000c1", "pg", provider, config, credentials)
        prepared = {"memory_mb": 256, "spill_mb": 100, "seconds": seconds, "addresses": addresses, "asks": False}
        job = Job("run-1", "org-1", 1, 1, "explain_schema", given, connection, None, "", prepared)
        self.link = RecordingLink()
        return explain(job, self.link)


@pytest.fixture
def at(database_url: str) -> str:  # noqa: F811
    Explained(database_url).execute(SHOP)
    return database_url


@pytest.fixture
def explained(at: str) -> Explained:
    return Explained(at)
