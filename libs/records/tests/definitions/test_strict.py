"""Nothing is cast, everything has a bound, and what is accepted is read the same wherever it is read (rule 21)."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from vai_records.automations import body
from vai_records.definitions import definition_model
from vai_records.definitions.base import Definition
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.kinds import KINDS
from vai_records.definitions.reading import Unreadable, mended, read
from vai_records.validation import checks
from vai_testkit import strictness

Json = dict[str, Any]

MODELS = strictness.models("vai_records")
KINDS_HERE = [name for name, kind in KINDS.items() if kind.available]
DEFINITIONS = [
    *(definition_model(kind) for kind in KINDS_HERE),
    *(DltExtract.SOURCES[name] for name in sorted(DltExtract.SOURCES)),
]


def test_the_models_are_there() -> None:
    assert {*DEFINITIONS, body.AutomationBody, body.StepBody} <= set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__qualname__[:40])
def test_no_field_takes_a_value_of_another_type(model: type[BaseModel]) -> None:
    taken = strictness.cast_fields(model)
    # A step's null in the short form is its action's, which may be null.
    assert [one for one in taken if model is not body.StepBody or not one.endswith("None")] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__qualname__[:40])
def test_every_field_has_a_bound(model: type[BaseModel]) -> None:
    assert strictness.unbounded_fields(model) == []


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.sampled_from(DEFINITIONS).flatmap(lambda model: st.tuples(st.just(model), strictness.values_of(model))))
def test_what_is_accepted_is_read_the_same_everywhere(drawn: tuple[type[Definition], Json]) -> None:
    """The gateway's model, what is stored of it, the worker's reader and the columns of the run."""
    model, given_json = drawn
    try:
        found = model.model_validate(given_json)
    except ValidationError:
        return
    stored = orjson.loads(orjson.dumps(found.stored()))
    again = read(model, stored)
    assert again == found
    assert again.stored() == found.stored()
    assert mended(model, stored) is stored
    assert found.on_lost in ("rerun", "fail")
    assert found.approval_timeout_seconds is None or 0 < found.approval_timeout_seconds <= 31_536_000
    assert found.timeout_seconds is None or 0 < found.timeout_seconds <= 604_800


@pytest.mark.parametrize(
    ("kind", "stored", "field", "value"),
    [
        ("dlt_extract", {"source": "noop", "timeout_seconds": "30"}, "timeout_seconds", 30.0),
        ("dlt_extract", {"source": "noop", "requires_approval": "yes"}, "requires_approval", True),
        ("dlt_extract", {"source": "noop", "requires_approval": 1}, "requires_approval", True),
        ("dlt_extract", {"source": "noop", "approval_timeout_seconds": "1_000"}, "approval_timeout_seconds", 1000.0),
        ("dlt_extract", {"source": "noop", "slice_rows": "50"}, "slice_rows", 50),
        ("http_request", {"url": "https://a.example", "max_redirects": "2"}, "max_redirects", 2),
        ("http_request", {"url": "https://a.example", "idempotent": "true"}, "idempotent", True),
    ],
)
def test_what_an_older_version_stored_loosely_is_read_as_it_read_it(
    kind: str, stored: Json, field: str, value: Any
) -> None:
    model = definition_model(kind)
    with pytest.raises(ValidationError):
        model.model_validate(stored)
    assert getattr(read(model, stored), field) == value
    assert checks.mended(kind, stored)[field] == value


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"source": "noop", "timeout_seconds": "soon"}, 'timeout_seconds: .*, not "soon"'),
        ({"source": "noop", "timeout_seconds": -1}, "timeout_seconds: .*, not -1"),
        ({"source": "noop", "retry": {"max_attempts": "many"}}, 'retry.max_attempts: .*, not "many"'),
        ({"source": "noop", "retry": 3}, "retry: "),
        ({"source": "noop", "lunch": 1}, "lunch: "),
        ({}, "source: Field required"),
    ],
)
def test_what_cannot_be_read_names_the_field_and_its_value(stored: Json, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        read(DltExtract, stored)


def test_a_value_that_may_be_a_secret_is_in_no_message() -> None:
    model = definition_model("http_request")
    with pytest.raises(Unreadable) as error:
        read(model, {"url": "https://a.example", "headers": {"X-Api-Key": 12345}})
    assert "12345" not in str(error.value)


def test_what_is_stored_has_no_defaults_and_one_spelling() -> None:
    given_json = {"method": "post", "url": "https://a.example", "connection_ref": "shop", "timeout_seconds": 30}
    assert checks.as_read("http_request", given_json, ()) == {
        "method": "POST",
        "url": "https://a.example",
        "connectionRef": "shop",
        "timeout_seconds": 30,
    }
    assert checks.as_read("duckdb_transform", {"sql": "SELECT 1"}, ()) == {"sql": "SELECT 1"}  # not complete yet
