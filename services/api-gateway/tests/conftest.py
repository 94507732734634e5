import asyncio
import base64
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cache

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.sign_in import PasswordDesk, SignIns
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.logs.tail import Tail
from vai_api_gateway.runs.feed import Feed
from vai_api_gateway.runs.fleet import Fleet
from vai_api_gateway.runs.intake import Intake
from vai_api_gateway.runs.waiters import Waiters
from vai_api_gateway.settings import Settings
from vai_api_gateway.webhooks.intake import WebhookIntake
from vai_api_gateway.webhooks.paths import WebhookPaths
from vai_common import db
from vai_common.ids import uuid7
from vai_common.loops import every
from vai_common.messages.bell import NotifyBell
from vai_common.messages.notifications import Listener
from vai_drawing.drawer import Drawer
from vai_records.automations import run_reads
from vai_records.automations.versions import Versions
from vai_records.events.publication import Publisher
from vai_records.people.people import Role
from vai_records.secrets.keys import Keyring
from vai_testkit.application import application
from vai_testkit.busy import Busy
from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.engines import engine_on
from vai_testkit.rings import MemoryBell
from vai_testkit.scheduling import Scheduling
from vai_testkit.servers.sse import served
from vai_testkit.servers.web import WebServer
from vai_testkit.services import LogWorker, MemoryProducer, OtherServices
from vai_testkit.team import Team, make_team
from vai_testkit.webhooks import Hook, Ticks, automation
from vai_worker.reading.desk import Desk


@cache
def _settings() -> Settings:
    """Read and checked once: for each test anew that takes 20 ms of CPU."""
    return Settings(
        database_url="postgresql://nowhere/vai",
        kafka="nowhere:1",
        bell="notify",
        lake_url="file:///nowhere",
        token_secret="0123456789" * 4,
        encryption_keys="k1:" + base64.b64encode(os.urandom(32)).decode(),
        allowed_origins="https://console.example.com",
        wrong_keys_per_minute=0,
    )


@pytest.fixture
def settings(database_url: str) -> Settings:  # noqa: F811
    return _settings().model_copy(update={"database_url": database_url})


@pytest.fixture
def producer() -> MemoryProducer:
    return MemoryProducer()


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    async with engine_on(settings.database_url, "api-gateway", 2) as engine:
        yield engine


@pytest.fixture
async def gateway(settings: Settings, producer: MemoryProducer, engine: AsyncEngine) -> AsyncIterator[Gateway]:
    pool = await db.open_pool(settings.database_url, "api-gateway", 4)
    listener = Listener(settings.direct_url, "api-gateway")
    bell = NotifyBell(pool, listener)
    process_id, desk, fleet = uuid7(), PasswordDesk(), Fleet(pool)
    publisher, keyring = Publisher(pool, producer, process_id), Keyring(settings.encryption_keys)
    drawer = Drawer()
    yield Gateway(
        settings=settings,
        pool=pool,
        engine=engine,
        keyring=keyring,
        authenticator=Authenticator(engine, settings),
        desk=desk,
        sign_ins=SignIns(pool, desk, settings.proxies, settings.token_hours),
        intake=Intake(pool, bell),
        webhook_paths=WebhookPaths(pool, keyring),
        webhook_intake=WebhookIntake(pool, bell),
        fleet=fleet,
        waiters=Waiters(pool, listener),
        tail=Tail(pool),
        automation_tail=Tail(pool, run_reads.moved),
        versions=Versions(),
        feed=Feed(pool, fleet),
        drawer=drawer,
        desk_of_tables=Desk(),
        bell=bell,
        publisher=publisher,
        process_id=process_id,
        stopping=asyncio.Event(),
    )
    await drawer.close()
    await publisher.close(5)
    await bell.close()
    await pool.close()


@pytest.fixture
def app(gateway: Gateway) -> FastAPI:
    return application(gateway)


@pytest.fixture
async def team(gateway: Gateway) -> Team:
    return await make_team(gateway.engine, "acme")


@pytest.fixture
async def web(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without credentials."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


@pytest.fixture
async def api(app: FastAPI, team: Team) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that is the team's administrator."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=team.headers()) as client:
        yield client


@pytest.fixture
def others(settings: Settings) -> OtherServices:
    return OtherServices(settings.database_url)


@pytest.fixture
def scheduling(settings: Settings) -> Scheduling:
    return Scheduling(settings.database_url)


@pytest.fixture
async def alive(gateway: Gateway, others: OtherServices) -> AsyncIterator[Gateway]:
    """The gateway with the loops that it has in its process, beside a dispatcher and a worker; streams end soon."""
    short = replace(gateway, settings=gateway.settings.model_copy(update={"stream_seconds": 0.2}))
    turns = (gateway.tail, gateway.automation_tail, gateway.feed, gateway.waiters, Busy(gateway.pool, others))
    loops = [asyncio.create_task(every(0.03, turn.look_once)) for turn in turns]
    yield short
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


@pytest.fixture
async def live(app: FastAPI, gateway: Gateway) -> AsyncIterator[str]:
    """The gateway on a port, with the loops that its streams stand on."""
    loops = [
        asyncio.create_task(every(0.01, look))
        for look in (gateway.tail.look_once, gateway.automation_tail.look_once, gateway.feed.look_once)
    ]
    async with served(app) as url:
        yield url
        gateway.stopping.set()
        gateway.tail.wake()
        gateway.automation_tail.wake()
        gateway.feed.wake()
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


@pytest.fixture
async def client(live: str, team: Team) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=live, headers=team.headers(), timeout=10) as client:
        yield client


@pytest.fixture
async def worker(settings: Settings, others: OtherServices) -> AsyncIterator[LogWorker]:
    conn = await db.connect(settings.database_url, "extract-worker")
    yield LogWorker(conn, others)
    await conn.close()


@pytest.fixture
async def hook(gateway: Gateway, api: httpx2.AsyncClient, team: Team) -> AsyncIterator[Hook]:
    """An automation with a webhook, on a gateway whose look-ups live by a clock that the test holds."""
    ticks, bell = Ticks(), MemoryBell()
    paths, intake = WebhookPaths(gateway.pool, gateway.keyring, ticks), WebhookIntake(gateway.pool, bell)
    held = replace(gateway, webhook_paths=paths, webhook_intake=intake)
    made = await api.post("/api/v1/automations", json=automation())
    assert made.status_code == 201, made.text
    transport = httpx2.ASGITransport(application(held), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as web:
        yield Hook(web, api, held, made.json()["id"], team.org_id, ticks, bell)


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    async with WebServer.opened() as server:
        yield server


@pytest.fixture
async def at_home(web: httpx2.AsyncClient, gateway: Gateway) -> httpx2.AsyncClient:
    """A team of an installation that allows private addresses."""
    allowed = gateway.settings.model_copy(update={"allow_private_addresses": "loopback,private"})
    object.__setattr__(gateway, "settings", allowed)
    home = await make_team(gateway.engine, "home")
    web.headers.update(home.headers(Role.ADMIN))
    return web


@pytest.fixture
async def other_api(app: FastAPI, gateway: Gateway) -> AsyncIterator[httpx2.AsyncClient]:
    """An administrator of another organisation."""
    strangers = await make_team(gateway.engine, "strangers")
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://gateway", headers=strangers.headers()
    ) as client:
        yield client
