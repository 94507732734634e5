"""What servers say of their quotas, as they really write it."""

from datetime import UTC, datetime

import pytest

from vai_worker.quota import is_quota, quota_wait

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7", "X-RateLimit-Reset": "99"}, 7),
        ({"Retry-After": "Sat, 28 Nov 2026 12:00:30 GMT"}, 30),
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": str(SECONDS + 30)}, 30),
        ({"X-RateLimit-Reset": str((SECONDS + 30) * 1000)}, 30),
        ({"X-RateLimit-Reset": str(SECONDS - 30)}, 0),
        ({"X-RateLimit-Reset": "2026-11-28T12:00:30Z"}, 30),
        ({"X-RateLimit-Reset": "Sat, 28 Nov 2026 12:00:30 GMT"}, 30),
        ({"RateLimit-Reset": "30.5"}, 30.5),
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": "limit=100, remaining=0, reset=30"}, None),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "9" * 400}, None),
    ],
)
def test_the_wait_is_read_as_it_is_meant(headers: dict[str, str], seconds: float | None) -> None:
    assert quota_wait(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {}, True),
        (403, {}, False),
        (403, {"Retry-After": "5"}, True),
        (403, {"X-RateLimit-Remaining": "0"}, True),
        (403, {"X-RateLimit-Remaining": "12"}, False),
        (403, {"RateLimit": '"default";r=0;t=30'}, True),
        (401, {"Retry-After": "5"}, False),
    ],
)
def test_a_refusal_is_told_from_a_quota(status: int, headers: dict[str, str], expected: bool) -> None:
    assert is_quota(status, headers) is expected
