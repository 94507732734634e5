"""A stored definition is read once, however many runs have it: nothing may change what was read."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from vai_common.db import dump_json
from vai_records.definitions import definition_model
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.http_request import HttpRequest
from vai_records.definitions.kinds import KINDS
from vai_records.definitions.reading import Unreadable
from vai_worker.definitions import read_text

URL = "https://example.com/"


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def models_of(model: type[BaseModel], known: set[type[BaseModel]]) -> set[type[BaseModel]]:
    if model not in known:
        known.add(model)
        for field in model.model_fields.values():
            for found in models_in(field.annotation):
                models_of(found, known)
    return known


def test_runs_with_the_same_text_have_the_same_definition() -> None:
    text = dump_json({"url": URL, "body": {"a": [1]}})
    assert read_text(HttpRequest, text) is read_text(HttpRequest, text)
    assert read_text(HttpRequest, text) != read_text(HttpRequest, dump_json({"url": URL, "body": {"a": [2]}}))
    assert isinstance(read_text(DltExtract, dump_json({"source": "noop"})), DltExtract)


def test_a_long_one_is_not_kept() -> None:
    text = dump_json({"url": URL, "body": "x" * 4_000})
    assert read_text(HttpRequest, text) is not read_text(HttpRequest, text)


def test_what_cannot_be_read_is_told_each_time() -> None:
    for _ in range(2):
        with pytest.raises(Unreadable, match="timeout_seconds"):
            read_text(HttpRequest, dump_json({"url": URL, "timeout_seconds": "soon"}))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_definition_can_be_set(kind: str) -> None:
    loose = [each.__name__ for each in models_of(definition_model(kind), set()) if not each.model_config.get("frozen")]
    assert loose == []
