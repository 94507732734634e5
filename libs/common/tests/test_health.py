"""Live, ready and measured (rule 19)."""

from typing import Any

import orjson
import pytest

from vai_common import health as health_module
from vai_common.clock import steady_seconds
from vai_common.health import SEEN_SECONDS, Health


async def _get(health: Health, path: str) -> tuple[int, bytes]:
    """What the ASGI application answers."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is to be received")

    await health({"type": "http", "path": path}, receive, send)
    return sent[0]["status"], sent[1]["body"]


def _ready() -> Health:
    health = Health()
    health.saw_database()
    health.schema_fault = None
    return health


async def test_a_process_that_answers_lives_whatever_else_is_wrong() -> None:
    assert await _get(Health(), "/healthz") == (200, b'{"status":"alive"}')


async def test_who_has_seen_the_database_and_finds_its_schema_is_ready() -> None:
    status, body = await _get(_ready(), "/readyz")
    assert (status, orjson.loads(body)) == (200, {"ready": True, "problems": [], "warnings": []})


async def test_who_has_not_is_not_and_says_why() -> None:
    status, body = await _get(Health(), "/readyz")
    assert status == 503
    assert len(orjson.loads(body)["problems"]) == 2


async def test_a_service_that_stops_is_not_ready() -> None:
    health = _ready()
    health.draining = True
    status, body = await _get(health, "/readyz")
    assert (status, orjson.loads(body)["problems"]) == (503, ["the service is stopping"])


@pytest.mark.parametrize(("later", "ready"), [(SEEN_SECONDS - 1, True), (SEEN_SECONDS + 1, False)])
async def test_a_good_word_of_the_database_grows_old(
    monkeypatch: pytest.MonkeyPatch, later: float, ready: bool
) -> None:
    health = _ready()
    monkeypatch.setattr(health_module, "steady_seconds", lambda: steady_seconds() + later)
    assert (health.problems() == []) is ready


async def test_metrics_are_told_to_prometheus() -> None:
    status, body = await _get(Health(), "/metrics")
    assert status == 200
    assert b"# TYPE vai_loop_failures_total counter" in body


async def test_nothing_else_is_there() -> None:
    assert (await _get(Health(), "/"))[0] == 404


async def test_what_is_refused_is_said_and_keeps_a_service_back_until_it_is_mended() -> None:
    health = _ready()
    health.tell("lake", "the lake cannot be written: mount it")
    status, body = await _get(health, "/readyz")
    assert (status, orjson.loads(body)["problems"]) == (503, ["the lake cannot be written: mount it"])
    health.tell("lake", None)
    assert (await _get(health, "/readyz"))[0] == 200


async def test_a_warning_is_said_by_a_service_that_is_ready() -> None:
    health = _ready()
    health.tell("kafka", "Kafka refuses: let it", keeps_back=False)
    status, body = await _get(health, "/readyz")
    assert (status, orjson.loads(body)["warnings"]) == (200, ["Kafka refuses: let it"])
