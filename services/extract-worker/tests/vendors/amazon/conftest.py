"""A bench on a server for Amazon whose time moves on when the source waits: 65 seconds cost no time."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from vai_common.clock import steady_seconds
from vai_extract_worker import paged_table, rates, waits
from vai_extract_worker.vendors.amazon import orders, quotas, reports, source
from vai_records.definitions.sources.amazon_places import completed
from vai_testkit.vendors.amazon import AmazonServer, amazon
from vai_testkit.vendors.server_time import ServerTime
from vai_worker.children.job import ConnectionSecret


class _Pause:
    """In place of `threading.Event`: the time that is waited passes at once."""

    time: ServerTime

    def wait(self, seconds: float) -> None:
        self.time.advance(max(seconds, 0.001))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AmazonServer]:
    with amazon(pace=0) as made:
        made.time.advance(3600)
        made.shop.now = made.time.now()
        began, first = steady_seconds(), made.time.now()

        def steady() -> float:
            return began + (made.time.now() - first).total_seconds()

        monkeypatch.setattr(_Pause, "time", made.time, raising=False)
        monkeypatch.setattr(waits, "threading", SimpleNamespace(Event=_Pause, Lock=threading.Lock))
        monkeypatch.setattr(waits, "_LOOK_SECONDS", 3600.0)
        monkeypatch.setattr(waits, "_PAUSE_LOOK_SECONDS", 3600.0)
        timed: tuple[ModuleType, ...] = (waits, rates, quotas, reports)
        for module in timed:
            monkeypatch.setattr(module, "steady_seconds", steady)
        for module in (orders, reports, source, paged_table):
            monkeypatch.setattr(module, "now", made.time.now)
        yield made


@dataclass
class Seller:
    """Extracts from the server on one connection; `answers` a renewal of its token as the worker would."""

    bench: Any
    server: AmazonServer
    renewed: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = completed({"region": "na", "base_url": self.server.api.url, "marketplaces": ["US"]})
        self.bench.connection = ConnectionSecret(
            "018f0000-0000-7000-8000-00000000000a",
            "amazon",
            "amazon_sp_api",
            config,
            {"client_id": self.server.client_id, "access_token": self.server.new_token()},
            4_000_000_000.0,
        )
        self.bench.answers["access_token"] = self._renew

    def extract(self, *resources: str, **fields: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.bench.extract("amazon_sp_api", resources=list(resources), **fields)
        return result

    def _renew(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.renewed.append(payload)
        return {"access_token": self.server.new_token(), "renew_at": 4_000_000_000.0}


@pytest.fixture
def seller(bench: Any, server: AmazonServer) -> Seller:
    return Seller(bench, server)
