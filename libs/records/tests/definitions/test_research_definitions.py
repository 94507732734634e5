"""The definitions of fetch_page and web_search: what is taken, and which field is at fault."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions.explain_schema import ExplainSchema
from vai_records.definitions.fetch_page import FetchPage
from vai_records.definitions.generate_query import GenerateQuery
from vai_records.definitions.web_search import WebSearch

URL = "https://example.com/a"


def faults(model: type, definition: dict[str, Any]) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(definition)
    return [error["loc"] for error in refused.value.errors()]


def test_a_url_is_enough_for_a_page() -> None:
    page = FetchPage.model_validate({"url": URL})
    assert (page.max_bytes, page.max_redirects, page.include_links, page.on_lost) == (5 << 20, 5, True, "rerun")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": "/orders"},
        {"url": "ftp://example.com"},
        {"url": "https://ada:secret@example.com/"},
        {"url": "https://example.com:0/"},
        {"url": "https://example.com/a b"},
        {"url": ["https://example.com"]},
    ],
)
def test_a_page_has_an_absolute_address(wrong: dict[str, Any]) -> None:
    assert faults(FetchPage, wrong) == [("url",)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout_seconds", 31),
        ("timeout_seconds", "5"),
        ("max_bytes", 10),
        ("max_bytes", 1 << 30),
        ("max_characters", 0),
        ("max_redirects", 11),
        ("max_links", 0),
        ("include_links", "yes"),
        ("render", True),
    ],
)
def test_a_page_has_limits(field: str, value: Any) -> None:
    assert faults(FetchPage, {"url": URL, field: value}) == [(field,)]


def test_a_query_is_enough_for_a_search() -> None:
    search = WebSearch.model_validate({"query": "towers"})
    assert (search.search_depth, search.topic, search.max_results, search.on_lost) == ("basic", "general", 5, "rerun")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, ("query",)),
        ({"query": ""}, ("query",)),
        ({"query": "  "}, ("query",)),
        ({"query": "x" * 401}, ("query",)),
        ({"query": "x", "search_depth": "deep"}, ("search_depth",)),
        ({"query": "x", "topic": "sports"}, ("topic",)),
        ({"query": "x", "days": 0}, ("days",)),
        ({"query": "x", "max_results": 21}, ("max_results",)),
        ({"query": "x", "max_results": "5"}, ("max_results",)),
        ({"query": "x", "include_domains": "example.com"}, ("include_domains",)),
        ({"query": "x", "include_domains": ["https://example.com/"]}, ("include_domains", 0)),
        ({"query": "x", "exclude_domains": ["a.example"] * 151}, ("exclude_domains",)),
        ({"query": "x", "include_domains": ["a.example"], "exclude_domains": ["A.example"]}, ()),
    ],
)
def test_a_search_is_checked_as_tavily_would(wrong: dict[str, Any], field: tuple[Any, ...]) -> None:
    assert faults(WebSearch, wrong) == [field]


@pytest.mark.parametrize(
    ("model", "wrong", "field"),
    [
        (GenerateQuery, {}, ()),
        (GenerateQuery, {"sql": "SELECT 1", "question": "how many?"}, ()),
        (GenerateQuery, {"sql": "  "}, ()),
        (GenerateQuery, {"sql": "SELECT 1", "model": "a/b"}, ()),
        (GenerateQuery, {"sql": "SELECT 1", "max_rows": 1_001}, ("max_rows",)),
        (GenerateQuery, {"sql": "SELECT 1", "datasets": ["orders"]}, ("datasets", 0)),
        (GenerateQuery, {"question": ""}, ("question",)),
        (ExplainSchema, {"datasets": ["silver.a b"]}, ("datasets", 0)),
        (ExplainSchema, {"datasets": ["silver.a"] * 51}, ("datasets",)),
        (ExplainSchema, {"samples": 21}, ("samples",)),
        (ExplainSchema, {"sample_rows": "all"}, ("sample_rows",)),
    ],
)
def test_questions_about_tables_are_checked(model: type, wrong: dict[str, Any], field: tuple[Any, ...]) -> None:
    assert faults(model, wrong) == [field]
