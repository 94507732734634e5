"""Errors, ids, clocks, loops, JSON and settings: the small modules that everything stands on."""

import asyncio
import pickle
import time
from datetime import UTC
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pydantic import ValidationError
from structlog.testing import capture_logs

from vai_common import clock, loops, telemetry
from vai_common.db import dump_json
from vai_common.errors import LARGEST_DETAILS, LONGEST_MESSAGE, ErrorCode, Permanent, Retryable, unexpected
from vai_common.ids import uuid7
from vai_common.loops import every, within
from vai_common.settings import Settings

NEEDED = {"database_url": "postgresql://a/b", "kafka": "k:1", "lake_url": "file:///lake"}

# Errors


def test_an_error_is_shown_as_the_document_shows_it() -> None:
    error = Retryable(ErrorCode.CONNECTION_ERROR, "Failed to connect", {"statusCode": 503}, retry_after=3)
    assert error.as_json() == {
        "code": "CONNECTION_ERROR",
        "message": "Failed to connect",
        "details": {"statusCode": 503},
        "retryable": True,
    }
    assert str(error) == "CONNECTION_ERROR: Failed to connect"
    assert not Permanent(ErrorCode.DATA_ERROR, "bad").as_json()["retryable"]


@pytest.mark.parametrize(
    "error",
    [
        Retryable(ErrorCode.RATE_LIMITED, "Slow down", {"n": 1}, 2.5),
        Retryable(ErrorCode.TIMEOUT, "late"),
        Permanent(ErrorCode.AUTH_ERROR, "no", {"status": 401}),
    ],
)
def test_an_error_travels_between_processes(error: Any) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.as_json() == error.as_json()
    assert getattr(copy, "retry_after", None) == getattr(error, "retry_after", None)


def test_what_nobody_expected_is_an_internal_error_that_may_be_retried() -> None:
    error = unexpected(KeyError("x"), "trace " * 1000)
    assert (error.code, error.retryable, error.details["type"]) == (ErrorCode.INTERNAL_ERROR, True, "KeyError")
    assert len(error.details["trace"]) == 2000
    assert "trace" not in unexpected(KeyError("x")).details


# Ids and clocks


def test_ids_are_uuids_of_version_seven_that_sort_by_time() -> None:
    before = clock.unix_milliseconds()
    made = [uuid7() for _ in range(1000)]
    after = clock.unix_milliseconds()
    assert len(set(made)) == 1000
    assert all(UUID(str(each)).version == 7 and each.variant == "specified in RFC 4122" for each in made)
    assert all(before <= each.int >> 80 <= after for each in made)


def test_clocks_have_a_zone_and_only_grow() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.steady_seconds() <= clock.steady_seconds()
    assert abs(clock.unix_milliseconds() / 1000 - time.time()) < 5


# Loops


class Turns:
    """A loop's turn that fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.count = 0
        self.failures = failures
        self.turned = asyncio.Event()

    async def once(self) -> None:
        self.count += 1
        self.turned.set()
        if self.count <= self.failures:
            raise RuntimeError("no")


async def _until(turns: Turns, count: int) -> None:
    while turns.count < count:
        turns.turned.clear()
        await asyncio.wait_for(turns.turned.wait(), 30)


async def test_a_loop_that_fails_is_named_without_what_it_is_called_with() -> None:
    """Its name goes into logs and metrics; a gateway with all its settings was a part of it."""
    secret, failed = "canary-4711", asyncio.Event()

    async def fail_once(*held: object) -> None:
        failed.set()
        raise ValueError("odd")

    with capture_logs() as logged:
        for once in (partial(fail_once, secret), partial(partial(fail_once, secret), {"key": secret})):
            failed.clear()
            looping = asyncio.create_task(every(60, once))
            await failed.wait()
            await loops.end([looping])
    told = f"{logged}{list(REGISTRY.collect())}"
    assert "fail_once" in told
    assert secret not in told


def test_settings_show_no_value() -> None:
    """Whatever holds them may be shown: a password is part of a URL, and a key has many names."""
    made = Settings(**NEEDED | {"database_url": "postgresql://a:canary-4711@b/c", "kafka_password": "canary-4711"})
    assert "canary" not in f"{made} {made!r} {partial(print, made)!r}"


async def test_a_loop_turns_until_it_is_cancelled_whatever_fails() -> None:
    turns = Turns(failures=2)
    looping = asyncio.create_task(every(0.001, turns.once))
    await _until(turns, 5)
    looping.cancel()
    await asyncio.wait([looping])
    assert REGISTRY.get_sample_value("vai_loop_failures_total", {"loop": "Turns.once"}) == 2


async def test_a_loop_turns_at_once_when_it_is_woken() -> None:
    turns, wake = Turns(), asyncio.Event()
    looping = asyncio.create_task(every(60, turns.once, wake))
    await _until(turns, 1)
    wake.set()
    await _until(turns, 2)
    assert not wake.is_set()
    looping.cancel()
    await asyncio.wait([looping])


async def test_a_loop_that_is_woken_and_cancelled_at_once_ends() -> None:
    turns, wake = Turns(), asyncio.Event()
    looping = asyncio.create_task(every(60, turns.once, wake))
    await _until(turns, 1)
    await asyncio.sleep(0)
    wake.set()
    await asyncio.sleep(0)  # the wait inside has its answer, which the loop has not seen yet
    looping.cancel()
    await asyncio.wait([looping], timeout=10)
    assert looping.cancelled()


async def test_a_task_that_loses_a_cancellation_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_ASK_SECONDS", 0.01)
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost == 2:
                    raise
                lost += 1

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await loops.end([task])
    assert (task.cancelled(), lost) == (True, 2)


async def test_what_waits_is_told_to_the_innermost_line() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    [told] = [line for line in loops.waiting() if "outer" in line]
    assert [place.rpartition(".")[2].partition(":")[0] for place in told.split(" > ")] == ["outer", "inner", "wait"]
    await loops.end([task])


# JSON


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain ü", "plain ü"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\x00\x00", "\N{REPLACEMENT CHARACTER}" * 2),
        ("\\u0000", "\\u0000"),
        ("\\\x00", "\\\N{REPLACEMENT CHARACTER}"),
        ("\\\\u0000 \x00", "\\\\u0000 \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_json_for_postgres_has_no_nul_and_is_otherwise_the_same(text: str, stored: str) -> None:
    assert orjson.loads(dump_json({"text": text, text: [text]})) == {"text": stored, stored: [stored]}


# Settings


def test_what_is_not_said_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAI_HTTP_PORT", raising=False)
    settings = Settings(**NEEDED)
    assert (settings.http_host, settings.http_port, settings.bell, settings.pool_size) == ("127.0.0.1", 0, "kafka", 4)
    assert settings.direct_url == "postgresql://a/b"
    assert Settings(**NEEDED, database_direct_url="postgresql://c/d").direct_url == "postgresql://c/d"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(f"VAI_{name.upper()}", value)
    monkeypatch.setenv("VAI_BELL", "notify")
    assert Settings().bell == "notify"


@pytest.mark.parametrize(
    ("name", "value"), [("http_port", 70_000), ("bell", "smoke"), ("trace_sample", 1.5), ("pool_size", 0)]
)
def test_a_wrong_setting_states_its_bound(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=r"(less|greater) than or equal|Input should be 'kafka' or 'notify'"):
        Settings(**NEEDED, **{name: value})


def test_settings_do_not_change_and_do_not_show_keys() -> None:
    settings = Settings(**NEEDED, encryption_keys="k1:secret")
    assert "secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.bell = "notify"


# Telemetry


def test_without_a_collector_a_span_is_nothing() -> None:
    with telemetry.span(
        "run", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", {"vai.run.id": "x"}
    ) as nothing:
        assert nothing is None
    assert telemetry.current_traceparent() is None


@pytest.mark.parametrize("large", ["x" * 70_000, ["ü"] * 20_000, {"rows": [{"a": 1}] * 20_000}, object(), {1: 2}])
def test_an_error_has_a_bound_and_says_what_it_left_out(large: Any) -> None:
    """It becomes a row, an entry of a log and an event: one that Kafka does not take would be sent for ever."""
    details = {"statusCode": 400, "body": large, "url": "https://a.example"}
    told = Permanent(ErrorCode.DATA_ERROR, "m" * 20_000, details).as_json()
    assert told["details"] == {"statusCode": 400, "url": "https://a.example", "left_out": ["body"]}
    assert len(told["message"]) == LONGEST_MESSAGE
    again = Permanent(told["code"], told["message"], told["details"]).as_json()
    assert again == told


@given(st.dictionaries(st.text(max_size=200), st.text(max_size=3_000), max_size=60))
@settings(max_examples=20)
def test_however_many_details_there_are_an_error_has_a_bound(details: dict[str, str]) -> None:
    told = Permanent(
        ErrorCode.DATA_ERROR, "m", {f"{name}{n}": value * 9 for n, (name, value) in enumerate(details.items())}
    )
    assert len(orjson.dumps(told.as_json()["details"])) <= LARGEST_DETAILS


async def test_a_step_of_a_stop_that_never_ends_or_fails_keeps_nobody() -> None:
    ended = list[str]()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("never")

    async def fails() -> None:
        ended.append("fails")
        raise ConnectionError("away")

    await within(0.01, never(), "what never ends")
    await within(30, fails(), "what fails")
    assert ended == ["never", "fails"]
