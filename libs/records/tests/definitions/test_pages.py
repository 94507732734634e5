"""Definitions that the pages show can be saved as they stand there."""

import json
from pathlib import Path

import pytest

from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.duckdb_transform import DuckdbTransform
from vai_testkit.pages import to_run

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("page", ["sql-database.md", "vendors.md"])
def test_an_extraction(page: str) -> None:
    for text in to_run(DOCS / page, "json"):
        shown = json.loads(text)
        assert DltExtract.model_validate(shown).source == shown["source"]


def test_the_checks_of_a_transform() -> None:
    (text,) = to_run(DOCS / "transforms.md", "json")
    shown = json.loads(f"{{{text}}}")
    inputs = [{"silver_dataset": "customers"}]
    body = {"transform_name": "orders", "sql": "SELECT id FROM {{ customers }}", "inputs": inputs}
    transform = DuckdbTransform.model_validate(body | shown)
    assert len(transform.checks) == len(shown["checks"])
