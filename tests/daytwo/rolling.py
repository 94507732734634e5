"""New settings for services that run: each is told to stop (SIGTERM) and started again, as a rollout does."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.runs import all_ended, all_published, assert_told_once, journal
from vai_devstack.stack import Stack

_NOT_COMPLETED = "SELECT id, kind, status, error FROM runs WHERE id = ANY($1::uuid[]) AND status <> 'completed'"


async def roll(stack: Stack, settings: Mapping[str, str]) -> None:
    """The processes of a service one after the other, the services beside each other; returns when all are ready."""

    async def restart(service: str) -> None:
        for instance in [each for each in stack.instances if each.service.name == service]:
            instance.environment = {**instance.environment, **settings}
            await stack.stop_service(service, instance.index, timeout=45)
            await stack.start_service(service, instance.index)

    await asyncio.gather(*(restart(service.name) for service in stack.config.services))


async def assert_all_completed(database: Any, ids: Sequence[str]) -> None:
    """Each of them once, with all its events in the journal and sent."""
    assert len(set(ids)) == len(ids)
    await all_ended(database, ids, timeout=90)
    assert await database.fetch(_NOT_COMPLETED, ids) == []
    await all_published(database, ids, timeout=90)
    assert_told_once(await journal(database, ids), ids)
