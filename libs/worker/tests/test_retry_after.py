"""`Retry-After`: whatever a server writes there, nothing is raised and nobody waits without end (decision 25)."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.definitions.base import Retry
from vai_worker.retry_after import LONGEST, moment, seconds_to_wait
from vai_worker.retry_rules import LONGEST_PAUSE, MOST_SPARED, backoff, final_error, is_spared, spared_wait

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("86400", 86_400.0),
        ("99999999999999", LONGEST),
        ("9" * 320, LONGEST),
        ("9" * 5_000, LONGEST),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("1_000", None),
        ("²", None),
        ("\u0661\u0662", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Mon, 04 May 2026 12:00:30 GMT", 30.0),
        ("Mon, 04 May 2026 12:00:30 -0000", 30.0),
        ("Mon, 04 May 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("Mon, 04 May 99999 12:00:00 GMT", None),
        ("Mon, 04 May 2026 25:61:61 GMT", None),
    ],
)
def test_what_is_written_is_a_bounded_number_or_nothing(text: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(text, NOON) == seconds


_DATES = st.datetimes().map(lambda at: format_datetime(at.replace(tzinfo=UTC), usegmt=True))
_NUMBERS = st.from_regex(r"\s?[-+]?[0-9٠-٩²]{1,350}([.,eE_][0-9]{0,30})?\s?", fullmatch=True)
_PARTS = (
    "Mon, ",
    "May ",
    "4 ",
    "99 ",
    "2026 ",
    "10000 ",
    "12:00:00 ",
    "99:99:99 ",
    "GMT",
    "-2400",
    "+9999",
    ",",
    "\x00",
)
_WORDS = st.lists(st.sampled_from(_PARTS), max_size=12).map("".join)


@given(st.one_of(st.text(), _DATES, _NUMBERS, _WORDS), st.one_of(st.text(max_size=40), _DATES))
def test_whatever_a_server_writes_leads_to_a_bounded_wait_or_to_the_end(asked: str, date: str) -> None:
    wait = seconds_to_wait(asked, moment(date) or NOON)
    assert wait is None or 0 <= wait <= LONGEST
    error = Retryable(ErrorCode.RATE_LIMITED, "Slow down.", None, wait)
    final = final_error(error, 1, Retry())
    assert (final is not None) is (wait is not None and wait > LONGEST_PAUSE)
    if final is None:
        assert 0 <= backoff(Retry(), 1, wait) <= LONGEST_PAUSE


@given(
    st.floats(),
    st.integers(1, 100),
    st.floats(0.001, 86_400),
    st.floats(0.001, 86_400),
    st.floats(1, 100),
    st.floats(0, 1),
)
def test_every_wait_is_finite(
    asked: float, attempt: int, initial: float, most: float, multiplier: float, luck: float
) -> None:
    policy = Retry(max_attempts=100, initial_interval_seconds=initial, max_interval_seconds=most, multiplier=multiplier)
    wait = backoff(policy, attempt, asked, lambda: luck)
    assert math.isfinite(wait)
    assert 0 <= wait <= LONGEST_PAUSE


@pytest.mark.parametrize(("attempt", "most", "says"), [(1, 1, "tried once"), (3, 3, "tried 3 times")])
def test_the_last_attempt_says_how_many_were_made(attempt: int, most: int, says: str) -> None:
    final = final_error(Retryable(ErrorCode.CONNECTION_ERROR, "GET / failed"), attempt, Retry(max_attempts=most))
    assert final is not None
    assert final.message == f"GET / failed. It was {says}."
    assert (final.details, final.retryable) == ({"attempts": attempt}, True)


def test_a_wait_of_more_than_a_day_is_final_and_says_so() -> None:
    error = Retryable(ErrorCode.RATE_LIMITED, "Slow down.", None, 86_401.0)
    final = final_error(error, 1, Retry())
    assert final is not None
    assert final.code is ErrorCode.RATE_LIMITED
    assert "more than a day" in final.message
    assert final_error(Retryable(ErrorCode.RATE_LIMITED, "Slow down.", None, 86_400.0), 1, Retry()) is None


def test_what_is_final_by_itself_stays_as_it_is() -> None:
    error = Permanent(ErrorCode.DATA_ERROR, "bad")
    assert final_error(error, 1, Retry()) is error


QUOTA, BROKEN = Retryable(ErrorCode.RATE_LIMITED, "Slow down."), Retryable(ErrorCode.CONNECTION_ERROR, "It broke.")


def attempt(hours: float | None = None, **more: Any) -> Any:
    """An attempt of a run that has waited for a quota for so many hours, counted from this call."""
    since = None if hours is None else now() - timedelta(hours=hours)
    given = {"advanced": False, "waits_for_quota": True, "waits_since": since, "epoch": 5}
    return SimpleNamespace(**given | more)


@pytest.mark.parametrize(
    ("waited", "error", "most", "spared"),
    [
        ({}, QUOTA, 3, True),
        ({"hours": 23.9}, QUOTA, 3, True),
        ({"hours": 24.1}, QUOTA, 3, False),
        ({"hours": 24.1, "advanced": True}, QUOTA, 3, True),
        ({"waits_for_quota": False}, QUOTA, 3, False),
        ({}, BROKEN, 3, False),
        ({"advanced": True}, BROKEN, 3, True),
        ({"advanced": True}, BROKEN, 1, False),
        ({"advanced": True, "epoch": MOST_SPARED}, BROKEN, 3, False),
        ({"advanced": True}, Permanent(ErrorCode.DATA_ERROR, "Bad."), 3, False),
        ({}, Retryable(ErrorCode.RATE_LIMITED, "Slow down.", None, 86_401.0), 3, False),
    ],
)
def test_progress_and_quotas_are_outside_of_the_attempts_within_bounds(
    waited: dict[str, Any], error: Any, most: int, spared: bool
) -> None:
    assert is_spared(attempt(**waited), error, Retry(max_attempts=most)) is spared


def test_where_nobody_says_how_long_a_quota_lasts_the_waits_grow() -> None:
    policy = Retry(initial_interval_seconds=0.001, max_interval_seconds=300)
    assert spared_wait(attempt(), QUOTA, policy) < 1
    assert 14 < spared_wait(attempt(1 / 60), QUOTA, policy) < 16
    assert spared_wait(attempt(10), QUOTA, policy) == 300
    assert spared_wait(attempt(10), Retryable(ErrorCode.RATE_LIMITED, "Slow down.", None, 7.0), policy) == 7
