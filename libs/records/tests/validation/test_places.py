"""The place of a fault is one in what was sent, whatever types a checker tried to read there."""

from typing import Any

import pytest

from vai_records.validation.places import real_place

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
        (("run_ids", 0), {"runIds": ["x"]}, ("runIds", 0)),
        ((), 7, ()),
        (("a",) * 60, 7, ()),
    ],
)
def test_names_of_types_are_left_out(place: Any, value: Any, real: Any) -> None:
    assert real_place(place, value, is_missing=False) == real


def test_what_is_missing_is_named() -> None:
    assert real_place(("trigger", "webhook", "path"), {"trigger": {}}, is_missing=True) == ("trigger", "path")


def test_the_word_of_a_type_is_no_missing_field() -> None:
    """A tile of the type `number` that lacks both of two fields is told at the tile."""
    assert real_place(("tiles", 0, "number"), {"tiles": [{"type": "number"}]}, is_missing=True) == ("tiles", 0)
    assert real_place(("trigger", "cron", "cron"), {"trigger": {"type": "cron"}}, is_missing=True) == (
        "trigger",
        "cron",
    )
