"""A mail server of a few lines, and rules for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.scheduler.tests.stage import KEYS, Stage
from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.ids import uuid7
from vai_records.alerts import rules
from vai_records.alerts.rules import NewRule
from vai_records.secrets.keys import Keyring
from vai_scheduler.alerts.gatherer import Gatherer
from vai_scheduler.alerts.sender import Sender

LOOPBACK = Policy.parse("loopback")

_EVENT = """
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data) VALUES ($1, 1, $2, $3, $4, $5)
"""
_RUN = """
INSERT INTO runs (id, org_id, kind, definition, status, phase, trigger_method, trigger_source_type, trigger_source_id,
    error, result, labels, completed_at, log_seq, event_seq)
VALUES ($1, $2, $3, '{}', $4, 'done', 'api', $5, $6, $7, $8, $9, clock_timestamp(), 0, 0)
"""


@dataclass
class MailServer:
    """Takes mails, except for `refused` addresses."""

    port: int = 0
    mails: list[str] = field(default_factory=list)
    refused: tuple[str, ...] = ()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            word = line[:4].upper()
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            if word == "RCPT" and any(address in line for address in self.refused):
                writer.write(b"550 nobody here\r\n")
            else:
                writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 fine\r\n")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def mail_server(**said: Any) -> AsyncIterator[MailServer]:
    mail = MailServer(**said)
    server = await asyncio.start_server(mail.serve, "127.0.0.1", 0)
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        server.close()


async def rule(stage: Stage, channel: dict[str, Any], secrets: dict[str, Any] | None = None, **said: Any) -> UUID:
    """A rule that tells failures at once, if nothing else is said."""
    rule_id, org_id = uuid7(), said.pop("org_id", stage.org_id)
    sealed = Keyring(KEYS).encrypt_json(secrets, org_id, rule_id) if secrets else None
    usual: dict[str, Any] = {"name": "Us", "tells": ["failed"], "filters": {}, "late_seconds": None}
    usual |= {"gather_seconds": 0, "pause_seconds": 0, "is_active": True, "created_by": None}
    new = NewRule(rule_id, org_id, channel=channel, secrets=sealed, **usual | said)
    async with stage.gateway.acquire() as conn, conn.transaction():
        assert await rules.create(conn, new)
    return rule_id


async def ends(stage: Stage, status: str = "failed", step_of: UUID | None = None, **said: Any) -> UUID:
    """A run that has ended, with its event; `said` are columns of the run."""
    run_id, event_type = uuid7(), said.pop("event_type", f"action.{status}")
    source = ("automation_run", str(step_of)) if step_of else ("user", None)
    error = said.get("error", {"message": "no room"}) if status == "failed" else None
    row = (run_id, stage.org_id, said.get("kind", "dlt_extract"), status, *source, error, said.get("result"))
    async with stage.gateway.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(_RUN, *row, said.get("labels"))
    await happens(stage, run_id, event_type, **({"result": said["result"]} if said.get("result") else {}))
    return run_id


async def happens(stage: Stage, subject: UUID, event_type: str, org_id: UUID | None = None, **data: Any) -> None:
    await stage.gateway.execute(_EVENT, subject, now(), org_id or stage.org_id, event_type, data)


async def gather(stage: Stage) -> None:
    await Gatherer(stage.pool).gather_once()


async def send(stage: Stage, sender: Sender | None = None) -> None:
    """All that is due, until its end."""
    sender = sender or sender_of(stage)
    await sender.send_once()
    await sender.stop()


def sender_of(stage: Stage) -> Sender:
    return Sender(stage.pool, Keyring(KEYS), LOOPBACK, "https://vai.example.com")


async def alerts_of(stage: Stage, rule_id: UUID) -> list[Any]:
    return list(await stage.pool.fetch("SELECT * FROM alerts WHERE rule_id = $1 ORDER BY id", rule_id))
