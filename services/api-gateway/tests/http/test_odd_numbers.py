"""Numbers that nobody can keep are found with their place, at a cost that grows as the body does."""

import tracemalloc

import httpx2
import pytest

from vai_api_gateway.http import numbers as odd_numbers
from vai_testkit.signing import standard
from vai_testkit.webhooks import SECRET, Hook

_LONG = b"123456789012345678901234567890"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (_LONG, ()),
        (b"[1, [2, %s]]" % _LONG, (1, 1)),
        (b'{"a": {"b": [{"c": %s}]}}' % _LONG, ("a", "b", 0, "c")),
        (b'{"a": 1e400}', ("a",)),
        (b'{"a": NaN}', ("a",)),
        (b'{"a": -Infinity}', ("a",)),
    ],
)
def test_the_place_of_an_odd_number_is_told(body: bytes, place: tuple[str | int, ...]) -> None:
    found = odd_numbers.find(body)
    assert found is not None
    assert found[0] == place


@pytest.mark.parametrize(
    "body", [b"18446744073709551615", b"-9223372036854775808", b"[0.1, 1e308]", b"no JSON", b"[" * 5_000]
)
def test_what_can_be_kept_is_not_odd(body: bytes) -> None:
    assert odd_numbers.find(body) is None


def test_a_deep_and_wide_body_takes_no_more_memory_than_a_flat_one() -> None:
    """Each of a hundred thousand numbers once held its whole path."""
    numbers = b"0," * 100_000 + b"0"
    assert _peak(b"[" * 400 + numbers + b"]" * 400) < 3 * _peak(b"[" + numbers + b"]")


def _peak(body: bytes) -> int:
    tracemalloc.start()
    try:
        odd_numbers.find(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", [b"12345678901234567890123", b"1e999", b"-18446744073709551616"])
async def test_a_body_whose_number_would_change_is_refused_with_its_place(
    api: httpx2.AsyncClient, number: bytes
) -> None:
    body = b'{"name": "x", "kind": "http_request", "definition": {"url": "https://a.example", "body": {"id": %s}}}'
    answer = await api.post("/api/v1/actions", content=body % number, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "definition", "body", "id"])


@pytest.mark.parametrize("number", [b"12345678901234567890123", b"1e999"])
async def test_a_webhook_whose_number_would_change_is_refused(hook: Hook, number: bytes) -> None:
    body = b'{"order": {"id": %s}}' % number
    answer = await hook.send(body, headers=standard(SECRET, body, "msg_odd"))
    assert answer.status_code == 422, answer.text
    assert await hook.runs() == []
