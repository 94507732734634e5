"""The schema of `dlt_extract`: every source's fields, and errors that name the field."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions import definition_model, dlt_extract
from vai_records.definitions.dlt_extract import DltExtract, RestApi
from vai_records.definitions.sources.resources import table_name

WEEKS = {"param_start": "from", "param_end": "to", "days": 7}
OFFSET = {"name": "a", "paginator": "offset"}
TABLES = [
    ("orders", "orders"),
    ("Order Items", "order_items"),
    ("v1/x-y", "v1_x_y"),
    ("2024", "_2024"),
    ("…", "resource"),
]


def problems(**definition: Any) -> dict[str, tuple[str, str]]:
    """Of each wrong field its error's type and message."""
    with pytest.raises(ValidationError) as raised:
        DltExtract.model_validate(definition)
    return {".".join(map(str, each["loc"])): (each["type"], each["msg"]) for each in raised.value.errors()}


def test_the_example_of_the_document_is_a_definition() -> None:
    example = {"source": "shopify", "resources": ["orders", "products"], "incremental": True}
    found = DltExtract.model_validate(example | {"start_date": "2026-01-01"})
    assert [one.name for one in found.resources or ()] == ["orders", "products"]
    assert problems(**example, api_version="2026-13").keys() == {"api_version"}
    assert problems(**example, bulk="sometimes").keys() == {"bulk"}


def test_a_source_that_is_still_to_come_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlt_extract, "COMING", ("tomorrow",))
    for source, kind in (("tomorrow", "not_yet"), ("never", "unknown_source")):
        told, text = problems(source=source, resources=["orders"])["source"]
        assert told == kind
        assert text.startswith(f"There is no source {source} in this version; there are: rest_api")


@pytest.mark.parametrize(
    "definition",
    [
        {"source": "noop"},
        {"source": "noop", "kind": "dlt_extract", "connectionRef": {"slug": "shop"}, "resources": ["orders"]},
        {"source": "sample"},
        {"source": "sample", "resources": ["a", {"name": "b", "rows": 5}], "rows": 10, "slices": 2},
        {"source": "filesystem", "path": "in/*.csv"},
        {"source": "rest_api", "resources": ["orders"], "start_date": "2026-01-01"},
        {
            "source": "rest_api",
            "base_url": "https://api.example.com/v1",
            "resources": [
                {
                    "name": "orders",
                    "path": "orders.json",
                    "data_selector": "data",
                    "params": {"limit": 100, "open": True},
                    "paginator": {"type": "cursor", "cursor_path": "next"},
                    "incremental": {"cursor_path": "updated_at", "param": "since", "initial_value": "2026-01-01"},
                    "slices": {"param_start": "from", "param_end": "to", "days": 7},
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "columns": {"total": "double"},
                }
            ],
        },
    ],
)
def test_a_definition_becomes_the_model_of_its_source_and_is_stored_as_it_was(definition: dict[str, Any]) -> None:
    model = definition_model("dlt_extract").model_validate(definition)
    assert isinstance(model, DltExtract)
    assert model.source == definition["source"]
    stored = model.stored()
    assert set(stored) == set(definition)
    assert DltExtract.model_validate(stored) == model


def test_an_unknown_field_is_named_where_it_stands() -> None:
    found = problems(source="rest_api", sheets=1, resources=[{"name": "a", "pathh": "/a"}])
    assert {name: kind for name, (kind, _) in found.items()} == {
        "sheets": "extra_forbidden",
        "resources.0.pathh": "extra_forbidden",
    }


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({}, "source"),
        ({"source": "rest_api"}, "resources"),
        ({"source": "filesystem"}, "resources"),
        (
            {
                "source": "rest_api",
                "resources": [{"name": "a", "slices": {"param_start": "f", "param_end": "t", "days": 1}}],
            },
            "start_date",
        ),
        (
            {"source": "rest_api", "resources": [{"name": "a", "paginator": "offset"}]},
            "resources.0.paginator.offset.limit",
        ),
    ],
)
def test_what_is_missing_has_the_type_missing(definition: dict[str, Any], field: str) -> None:
    assert [(name, kind) for name, (kind, _) in problems(**definition).items()] == [(field, "missing")]


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"resources": ["a", "A"]}, "resources", "two resources have the table a"),
        ({"resources": []}, "resources", "at least 1 item"),
        ({"resources": ["a"], "base_url": "https://u:p@example.com"}, "base_url", "connection's credentials"),
        ({"resources": [{"name": "a", "path": "http://u:p@h/x"}]}, "resources.0.path", "connection's credentials"),
        ({"resources": [{"name": "a", "path": "//u:p@h/x"}]}, "resources.0.path", "connection's credentials"),
        ({"resources": ["a"], "base_url": "ftp://example.com"}, "base_url", "https://"),
        ({"resources": [{"name": "a", "write_disposition": "merge"}]}, "resources.0", "primary_key"),
        (
            {"resources": [{"name": "a", "write_disposition": "replace", "incremental": {"cursor_path": "x"}}]},
            "resources.0",
            "cannot replace",
        ),
        ({"resources": [{"name": "a", "table": "Bad-Name"}]}, "resources.0.table", "pattern"),
        ({"resources": [{"name": "a", "columns": {"x": "money"}}]}, "resources.0.columns.x", "Input should be"),
        ({"resources": [{"name": "a", "columns": {"x": "decimal(2,5)"}}]}, "resources.0.columns.x", "Input should be"),
    ],
)
def test_what_does_not_fit_is_named(fields: dict[str, Any], field: str, message: str) -> None:
    found = problems(source="rest_api", **fields)
    assert list(found) == [field]
    assert message in found[field][1]


@pytest.mark.parametrize("path", ["s3://AKIA:secret@bucket/a.csv", "//u:p@bucket/a.csv"])
def test_a_path_of_files_holds_no_key(path: str) -> None:
    assert list(problems(source="filesystem", path=path)) == ["path"]
    assert list(problems(source="filesystem", resources=[{"name": "a", "path": path}])) == ["resources.0.path"]


@pytest.mark.parametrize(("resource", "table"), TABLES)
def test_a_table_is_named_after_its_resource(resource: str, table: str) -> None:
    assert table_name(resource) == table


def test_bronze_is_filed_under_the_source_or_under_a_name_of_ones_own() -> None:
    assert DltExtract.model_validate({"source": "noop"}).bronze_source == "noop"
    named = DltExtract.model_validate({"source": "rest_api", "source_name": "crm", "resources": ["a"]})
    assert isinstance(named, RestApi)
    assert named.bronze_source == "crm"
