"""Which messages the scheduler listens to, how often it looks, and its kinds: control flow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from vai_common.boot import Service
from vai_common.loops import every
from vai_common.messages.bell import AUTOMATION, EVENT
from vai_records.events.publication import Publisher
from vai_records.lake import lineage_news
from vai_records.processes.life import Life
from vai_records.secrets.keys import Keyring
from vai_scheduler.alerts.gatherer import Gatherer
from vai_scheduler.alerts.sender import Sender
from vai_scheduler.approval_gate import ApprovalGate
from vai_scheduler.call_automation import CallAutomation
from vai_scheduler.conditional_branch import ConditionalBranch
from vai_scheduler.events import Events
from vai_scheduler.lineage.receivers import HttpReceiver, KafkaReceiver
from vai_scheduler.lineage.sender import Sender as LineageSender
from vai_scheduler.lineage.sender import writer
from vai_scheduler.look import Looker
from vai_scheduler.orchestrator import SWEEP_SECONDS, Orchestrator
from vai_scheduler.schedules import Schedules
from vai_scheduler.settings import Settings
from vai_worker.wiring import running as worker_running

EVENT_SECONDS = 1.0
FIRE_SECONDS = 0.05
ALERT_SECONDS = 1.0
LATE_SECONDS = 15.0
LINEAGE_SECONDS, LINEAGE_MEASURE_SECONDS = 1.0, 15.0


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    kinds = (ApprovalGate(), ConditionalBranch(), CallAutomation(service.bell, service.settings.most_from_one_cause))
    orchestrators: list[Orchestrator] = []
    senders: list[Sender] = []

    def join(life: Life, publisher: Publisher) -> None:
        orchestrators.append(_orchestrate(service, life, publisher))
        senders.append(_send_alerts(service))

    async with worker_running(service, kinds, join=join):
        lineage = await _send_lineage(service)
        try:
            yield
        finally:
            if lineage is not None:
                await lineage.stop()
            await orchestrators[0].stop()
            await senders[0].stop()


def _orchestrate(service: Service[Settings], life: Life, publisher: Publisher) -> Orchestrator:
    keyring = Keyring(service.settings.encryption_keys)
    looker = Looker(service.pool, service.bell, publisher, keyring, life.id, life.name)
    orchestrator = Orchestrator(service.pool, looker)
    events = Events(service.pool, service.bell, service.settings.most_from_one_cause)
    schedules, wake = Schedules(service.pool, service.bell), asyncio.Event()
    service.bell.on_ring((AUTOMATION,), orchestrator.on_ring)
    service.bell.on_ring((EVENT,), lambda _word, _ids: wake.set())
    service.spawn(every(SWEEP_SECONDS, orchestrator.sweep_once))
    service.spawn(every(EVENT_SECONDS, events.hand_out_once, wake))
    service.spawn(every(FIRE_SECONDS, schedules.fire_once))
    return orchestrator


def _send_alerts(service: Service[Settings]) -> Sender:
    settings = service.settings
    gatherer = Gatherer(service.pool)
    sender = Sender(service.pool, Keyring(settings.encryption_keys), settings.addresses, settings.public_url)
    service.spawn(every(ALERT_SECONDS, gatherer.gather_once))
    service.spawn(every(LATE_SECONDS, gatherer.note_late_once))
    service.spawn(every(ALERT_SECONDS, sender.send_once, sender.wake))
    return sender


async def _send_lineage(service: Service[Settings]) -> LineageSender | None:
    """None where the installation has no receiver: then nothing is written down for one, either."""
    settings = service.settings
    has_receiver = bool(settings.openlineage_url or settings.openlineage_topic)
    service.spawn(every(LINEAGE_MEASURE_SECONDS, partial(lineage_news.wanted, service.pool, has_receiver)))
    if not has_receiver:
        return None
    receiver = (
        HttpReceiver(settings.openlineage_url, settings.openlineage_api_key)
        if settings.openlineage_url
        else KafkaReceiver(settings.brokers(settings.kafka), settings.openlineage_topic, "vai-openlineage")
    )
    written = await asyncio.to_thread(writer, settings.openlineage_namespace, settings.public_url)
    sender = LineageSender(service.pool, receiver, written)
    service.spawn(every(LINEAGE_SECONDS, sender.send_once))
    service.spawn(every(LINEAGE_MEASURE_SECONDS, sender.measure_once))
    return sender
