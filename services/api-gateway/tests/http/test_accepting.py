"""Which of two forms an `Accept` prefers."""

import pytest

from vai_api_gateway.http.accept import prefers

LINES, JSON = "application/x-ndjson", "application/json"


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        (LINES, True),
        ("Application/X-NDJSON; q=0.9, */*", True),
        (f"{LINES}, {JSON}", True),
        (f"{LINES}; charset=utf-8; q=0.5, {JSON}; q=0.4", True),
        (f"{JSON};q=0.5,{LINES}", True),
        (f"{JSON};q=0,{LINES};q=0.1", True),
        (f"{LINES};q=x", True),
        (f"{JSON}, {LINES}", False),  # what generated clients say: all the forms of the answer, in order
        (f"{LINES}; q=0.9, {JSON}", False),
        (f"{LINES};q=0", False),
        (f"{LINES};q=0.000, */*", False),
        (f"x{LINES}", False),
        (JSON, False),
        ("*/*", False),
        ("application/*", False),
        (",;,", False),
        ("", False),
    ],
)
def test_the_form_that_is_named_first_with_the_highest_weight_is_preferred(accept: str, lines: bool) -> None:
    assert prefers(accept, LINES, JSON) is lines
