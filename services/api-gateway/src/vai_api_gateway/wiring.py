"""What the gateway is made of, and what it hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from vai_api_gateway.app import create_app
from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.sign_in import PasswordDesk, SignIns
from vai_api_gateway.automations.start import finish_stops_once
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.logs.tail import TAIL_SECONDS, Tail
from vai_api_gateway.mcp.cancelling import CANCELLED_CHANNEL
from vai_api_gateway.runs.feed import FEED_SECONDS, Feed
from vai_api_gateway.runs.fleet import Fleet
from vai_api_gateway.runs.intake import Intake
from vai_api_gateway.runs.waiters import Waiters
from vai_api_gateway.settings import Settings
from vai_api_gateway.webhooks.intake import WebhookIntake
from vai_api_gateway.webhooks.paths import WebhookPaths
from vai_common import vitals
from vai_common.boot import Service, serve_health
from vai_common.db import engine
from vai_common.loops import every, within
from vai_drawing.drawer import Drawer
from vai_records.automations import run_reads
from vai_records.automations.versions import Versions
from vai_records.events.publication import Publisher
from vai_records.processes.life import Life
from vai_records.secrets.keys import Keyring
from vai_records.secrets.trust import trust_keys
from vai_worker.reading.desk import Desk


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    service.calls_come_here = True
    life = Life(service)
    await life.start()
    publisher = Publisher(service.pool, service.producer, life.id)
    lists = engine(
        service.settings.database_url, service.name, service.settings.lists_pool_size, name=service.session or ""
    )
    settings, desk, fleet = service.settings, PasswordDesk(), Fleet(service.pool)
    keyring = Keyring(settings.encryption_keys)
    gateway = Gateway(
        settings=service.settings,
        pool=service.pool,
        engine=lists,
        keyring=keyring,
        authenticator=Authenticator(lists, settings),
        desk=desk,
        sign_ins=SignIns(service.pool, desk, settings.proxies, settings.token_hours),
        intake=Intake(service.pool, service.bell),
        webhook_paths=WebhookPaths(service.pool, keyring),
        webhook_intake=WebhookIntake(service.pool, service.bell),
        fleet=fleet,
        waiters=Waiters(service.pool, service.listener),
        tail=Tail(service.pool),
        automation_tail=Tail(service.pool, run_reads.moved, "automation_log"),
        versions=Versions(),
        feed=Feed(service.pool, fleet),
        drawer=Drawer(),
        desk_of_tables=Desk(),
        bell=service.bell,
        publisher=publisher,
        process_id=life.id,
        stopping=service.stopping,
    )
    await trust_keys(service.health, service.pool, keyring)
    service.app = create_app(gateway, service.health)
    await gateway.fleet.look_once()
    _start_loops(service, gateway)
    try:
        yield
    finally:
        await within(10, gateway.intake.drained(), "runs that wait for their commit")
        await within(10, gateway.webhook_intake.drained(), "webhooks that wait for their commit")
        await within(3, gateway.drawer.close(), "the drawer")
        await within(3, gateway.sign_ins.drained(), "failed sign-ins that are being written")
        await publisher.close(3)
        await within(3, gateway.fleet.close(), "the calls of workers")
        await within(3, lists.dispose(), "the database of the lists")
        await life.stop()


def _start_loops(service: Service[Settings], gateway: Gateway) -> None:
    vitals.tell_of_lists(gateway.engine)
    if port := service.settings.metrics_port:
        service.spawn(serve_health(service.health, service.settings.http_host, port))
    service.listener.on("keys_changed", gateway.authenticator.heard)
    service.listener.on_return(gateway.authenticator.forget)
    service.listener.on(CANCELLED_CHANNEL, gateway.mcp.calls.heard)
    service.listen()
    service.spawn(every(2.0, gateway.fleet.look_once))
    service.spawn(every(1.0, gateway.waiters.look_once))
    service.spawn(every(TAIL_SECONDS, gateway.tail.look_once))
    service.spawn(every(TAIL_SECONDS, gateway.automation_tail.look_once))
    service.spawn(every(5.0, partial(finish_stops_once, gateway)))
    service.spawn(every(FEED_SECONDS, gateway.feed.look_once))
    service.spawn(_end_streams(gateway))
    service.spawn(every(10.0, gateway.fold_totals_once))
    service.spawn(every(2.0, gateway.publisher.sweep_once))
    service.spawn(every(10.0, gateway.authenticator.write_used_once))
    service.spawn(every(60.0, gateway.sign_ins.tidy_once))


async def _end_streams(gateway: Gateway) -> None:
    """Those who follow something would keep the gateway from stopping."""
    await gateway.stopping.wait()
    gateway.tail.wake()
    gateway.automation_tail.wake()
    gateway.feed.wake()
