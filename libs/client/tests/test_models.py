"""Reading answers, and the percentage of document 000."""

import pkgutil
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from importlib import import_module
from inspect import isfunction
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from vai import Run, UnexpectedAnswer, calls, global_percent
from vai.call import Page
from vai.models.answers import Answer, _camel, _taker

RUN: dict[str, Any] = {
    "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
    "kind": "dlt_extract",
    "status": "running",
    "displayStatus": "paused",
    "createdAt": "2019-08-24T14:15:22Z",
    "updatedAt": "2019-08-24T14:15:22Z",
    "startedAt": None,
    "definition": {"source": "sample"},
    "triggerMethod": "api",
    "error": {"code": "AUTH_ERROR", "message": "no", "details": {"statusCode": 401}, "retryable": False},
}


def test_a_run_is_read_with_its_times_and_its_error() -> None:
    run = Run.read(RUN)
    assert run.display_status == "paused"
    assert run.created_at == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)
    assert run.started_at is None
    assert run.error is not None
    assert (run.error.code, run.error.details, run.error.retryable) == ("AUTH_ERROR", {"statusCode": 401}, False)
    assert not run.ended


def _answers(of: type[Answer] = Answer) -> Iterator[type[Answer]]:
    for each in of.__subclasses__():
        yield each
        yield from _answers(each)


@pytest.mark.parametrize("answer", list(_answers()), ids=lambda answer: answer.__name__)
def test_every_time_of_an_answer_is_read_as_one(answer: type[Answer]) -> None:
    """A hint that names datetime in another form would leave texts where people expect times."""
    for hint in get_type_hints(answer).values():
        if hint == list[datetime]:
            assert _taker(hint)(["2019-08-24T14:15:22Z"]) == [datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)]
        elif "datetime" in str(hint):
            assert _taker(hint)("2019-08-24T14:15:22Z") == datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)


def test_a_key_that_this_version_does_not_know_stays_in_raw() -> None:
    assert Run.read({**RUN, "mood": "good"}).raw["mood"] == "good"


@pytest.mark.parametrize("broken", [None, [], "run", {}, {**RUN, "createdAt": "yesterday"}, {**RUN, "error": 7}])
def test_what_is_not_a_run_is_refused_in_words(broken: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match="this is not a Run"):
        Run.read(broken)


def progress(done: list[str], failed: list[str], active: str | None = None, slices: Any = None) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "resources_order": ["profiles", "events", "lists", "flows"],
        "completed_resources": done,
        "failed_resources": failed,
        "in_progress_resource": active,
        "resource_cursors": {"events": {"slices_completed": slices[0], "slices_total": slices[1]}} if slices else {},
    }


@pytest.mark.parametrize(
    ("given", "percent"),
    [
        (None, None),
        ({}, None),
        (progress([], []), 0.0),
        (progress(["profiles"], []), 25.0),
        (progress(["profiles"], ["lists"]), 50.0),
        (progress(["profiles"], [], "events", (1, 2)), 37.5),
        (progress(["profiles"], [], "lists", (1, 2)), 25.0),
        (progress(["profiles"], [], "events", (0, 0)), 25.0),
        (progress(["profiles", "events", "lists", "flows"], []), 100.0),
    ],
)
def test_the_overall_percentage_counts_done_and_failed_resources_and_the_slices_of_the_active_one(
    given: Any, percent: float | None
) -> None:
    assert global_percent(given) == percent


def _pages() -> Iterator[tuple[str, type[Answer]]]:
    """The calls that answer pages, with what these hold."""
    for module in pkgutil.iter_modules(calls.__path__, f"{calls.__name__}."):
        for name, function in vars(import_module(module.name)).items():
            if isfunction(function) and function.__module__ == module.name:
                (answer, *_) = get_args(get_type_hints(function).get("return")) or (None,)
                if get_origin(answer) is Page:
                    yield f"{module.name}.{name}", get_args(answer)[0]


def test_what_a_list_holds_is_told_apart_by_a_field_that_it_has() -> None:
    pages = list(_pages())
    assert len(pages) > 15
    without = {
        name: (item.identity, item.__name__)
        for name, item in pages
        if item.identity not in {field.metadata.get("key") or _camel(field.name) for field in fields(item)}
    }
    assert without == {}
