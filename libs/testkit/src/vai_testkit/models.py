"""An organisation whose connections lead to a scripted server of models, and runs that may call them."""

import base64
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from vai_common.egress.addresses import Policy
from vai_common.ids import uuid7
from vai_records.definitions.base import Definition
from vai_records.secrets.keys import Keyring
from vai_testkit.owned import HeldRun
from vai_testkit.servers.models.server import KEY, ModelServer

LOOPBACK = Policy.parse("loopback")


def new_keyring() -> Keyring:
    return Keyring("k1:" + base64.b64encode(os.urandom(32)).decode())


class ModelHouse:
    """`connect` makes a connection of a provider that leads to the server; `run` a run of this organisation."""

    def __init__(self, pool: Any, server: ModelServer, org_id: UUID, keyring: Keyring) -> None:
        self.pool, self.server, self.org_id, self.keyring = pool, server, org_id, keyring

    @classmethod
    async def opened(cls, pool: Any, server: ModelServer) -> "ModelHouse":
        """In a database of the test's own."""
        org_id = uuid7()
        await pool.execute("INSERT INTO organisations (id, slug, name) VALUES ($1, $2, $2)", org_id, str(org_id))
        return cls(pool, server, org_id, new_keyring())

    async def set(self, **models: Any) -> None:
        """The organisation's settings of models."""
        await self.pool.execute(
            "UPDATE organisations SET settings = settings || $2 WHERE id = $1", self.org_id, {"models": models}
        )

    async def connect(self, slug: str, provider: str, key: str = KEY, **config: Any) -> UUID:
        connection_id = uuid7()
        sealed = self.keyring.encrypt_json({"api_key": key}, self.org_id, connection_id) if key else None
        await self.pool.execute(
            "INSERT INTO connections (id, org_id, name, slug, provider, config, credentials)"
            " VALUES ($1, $2, $3, $3, $4, $5, $6)",
            connection_id,
            self.org_id,
            slug,
            provider,
            {"base_url": f"{self.server.url}/v1"} | config,
            sealed,
        )
        return connection_id

    def run(
        self,
        kind: str = "http_request",
        definition: Mapping[str, Any] | None = None,
        reads: type[Definition] | None = None,
        addresses: Policy = LOOPBACK,
    ) -> HeldRun:
        return HeldRun(
            kind,
            dict(definition or {}),
            reads=reads,
            org_id=self.org_id,
            pool=self.pool,
            keyring=self.keyring,
            addresses=addresses,
        )
