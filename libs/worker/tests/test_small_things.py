"""Backoff, frames, settings: what needs no database."""

import random
import socket
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.definitions.base import Retry
from vai_worker.children import frames
from vai_worker.retry_rules import backoff
from vai_worker.settings import WorkerSettings

NEEDED = {"database_url": "postgresql://a/b", "kafka": "k:1", "lake_url": "file:///lake"}

# Backoff


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 1.0), (2, 2.0), (3, 4.0), (8, 128.0), (9, 256.0), (10, 300.0), (60, 300.0)]
)
def test_full_jitter_lies_between_nothing_and_a_doubling_ceiling(attempt: int, ceiling: float) -> None:
    assert backoff(Retry(), attempt, None, lambda: 0.0) == 0.0
    assert backoff(Retry(), attempt, None, lambda: 1.0) == ceiling
    rng = random.Random(1)
    waits = [backoff(Retry(), attempt, None, rng.random) for _ in range(500)]
    assert 0 <= min(waits) < 0.1 * ceiling
    assert 0.9 * ceiling < max(waits) <= ceiling


def test_nobody_comes_back_before_the_other_side_said() -> None:
    assert backoff(Retry(), 1, 7.5, lambda: 1.0) == 7.5
    assert backoff(Retry(), 5, 7.5, lambda: 1.0) == 16.0
    assert backoff(Retry(), 1, 4_000.0, lambda: 0.5) == 4_000.0


def test_a_definition_says_how_its_retries_grow() -> None:
    policy = Retry(initial_interval_seconds=10, multiplier=3, max_interval_seconds=50)
    assert [backoff(policy, attempt, None, lambda: 1.0) for attempt in (1, 2, 3)] == [10, 30, 50]


def test_a_hundredth_attempt_is_still_a_number() -> None:
    policy = Retry(max_attempts=100, multiplier=100)
    assert backoff(policy, 99, None, lambda: 1.0) == policy.max_interval_seconds


# Frames


@pytest.fixture
def pair() -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_frames_arrive_whole_and_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    sent = [{"type": "log", "text": "ü" * size} for size in (0, 1, 40_000)] + [{"deep": [{"a": None}]}]
    data = b"".join(map(frames.encode, sent))
    ours.sendall(data[:10])
    ours.sendall(data[10:])
    assert [frames.receive(theirs) for _ in sent] == sent


def test_a_closed_pipe_is_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.sendall(frames.encode({"a": 1})[:-1])
    ours.close()
    assert frames.receive(theirs) is None


def test_a_length_that_no_frame_has_is_refused() -> None:
    assert frames.length_of(frames.LARGEST.to_bytes(4, "big")) == frames.LARGEST
    with pytest.raises(ValueError, match="a frame of"):
        frames.length_of((frames.LARGEST + 1).to_bytes(4, "big"))


@pytest.mark.parametrize(
    "error",
    [
        Retryable(ErrorCode.RATE_LIMITED, "slow", {"status": 429}, 3.5),
        Retryable(ErrorCode.INTERNAL_ERROR, "bug"),
        Permanent(ErrorCode.DATA_ERROR, "bad", {"row": 3}),
    ],
)
def test_an_error_comes_out_of_a_frame_as_it_went_in(error: Any) -> None:
    found = frames.error_of(frames.decode(frames.encode(frames.error_frame(error))[4:]))
    assert type(found) is type(error)
    assert found.as_json() == error.as_json()
    assert getattr(found, "retry_after", None) == getattr(error, "retry_after", None)


# Settings


def test_a_worker_takes_all_kinds_of_its_service_unless_it_is_told_some() -> None:
    possible = ("dlt_extract", "file_sync")
    assert WorkerSettings(**NEEDED).kinds_among(possible) == possible
    assert WorkerSettings(**NEEDED, kinds=" file_sync, ").kinds_among(possible) == ("file_sync",)


def test_a_kind_that_the_service_cannot_run_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"VAI_KINDS names lunch; this service runs only dlt_extract"):
        WorkerSettings(**NEEDED, kinds="lunch").kinds_among(("dlt_extract",))
