"""The place of a fault is one in what was sent, whatever types a checker tried to read there."""

from typing import Any

import pytest

from vai_records.validation.checks import real_place

TRIGGER = {"trigger": {"type": "schedule", "schedule": "* * * * *", "timezone": "Mars"}}


@pytest.mark.parametrize(
    ("place", "value", "real"),
    [
        (("headers", "X-A", "constrained-str"), {"headers": {"X-A": 1}}, ("headers", "X-A")),
        (("trigger", "schedule", "timezone"), TRIGGER, ("trigger", "timezone")),
        (("trigger", "schedule", "schedule"), TRIGGER, ("trigger", "schedule")),
        (("steps", 1, "Step", "key"), {"steps": [{}, {"key": 7}]}, ("steps", 1, "key")),
        (("steps", 7, "key"), {"steps": []}, ("steps",)),
        (("runIds", 0, "uuid"), {"runIds": ["x"]}, ("runIds", 0)),
        (("run_ids", 0), {"runIds": ["x"]}, ("run_ids", 0)),
        ((), 7, ()),
        (("a",) * 60, 7, ()),
    ],
)
def test_names_of_types_are_left_out(place: Any, value: Any, real: Any) -> None:
    assert real_place(place, value, is_missing=False) == real


def test_what_is_missing_is_named() -> None:
    assert real_place(("trigger", "webhook", "path"), {"trigger": {}}, is_missing=True) == ("trigger", "path")
