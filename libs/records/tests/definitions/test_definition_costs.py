"""What it costs to look at a stranger's definition grows as its size does (rule 24): each shape, small and eight times
as large, from the door to what is stored."""

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from vai_records.refused import Refused
from vai_records.validation import checks

Json = dict[str, Any]

_GROWTH = 8
_ALLOWED = 4 * _GROWTH  # a square would be 64; a busy machine makes a linear one look like twice as much
_LEAST_SECONDS = 0.004
_MOST_SIZE = 64_000


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(min(levels, 90)):
        value = [value, value] if levels < 12 else [value]
    return value


Shape = tuple[str, Callable[[int], Json]]


def _url(rest: Callable[[int], str]) -> Shape:
    return "http_request", lambda n: {"url": "https://" + rest(n)}


def _request(field: str, value: Callable[[int], Any]) -> Shape:
    return "http_request", lambda n: {"url": "https://h/", field: value(n)}


def _sql(text: Callable[[int], str], **fields: Callable[[int], Any]) -> Shape:
    def made(n: int) -> Json:
        return {"transform_name": "x", "sql": text(n), **{name: value(n) for name, value in fields.items()}}

    return "duckdb_transform", made


def _rest(resources: Callable[[int], list[Json]]) -> Shape:
    return "dlt_extract", lambda n: {"source": "rest_api", "base_url": "https://h/", "resources": resources(n)}


def _branch(definition: Callable[[int], Json]) -> Shape:
    return "conditional_branch", lambda n: {"conditions": [], **definition(n)}


SHAPES: dict[str, Shape] = {
    "secret parameters": _url(lambda n: "h/?" + "&".join(f"token={i}" for i in range(n))),
    "plain parameters": _url(lambda n: "h/?" + "&".join(f"a{i}={i}" for i in range(n))),
    "a long fragment": _url(lambda n: "h/#" + "&".join(f"token={i}" for i in range(n))),
    "a long user": _url(lambda n: "u:" * n + "@h/"),
    "headers": _request("headers", lambda n: {f"X-{i}-Key": "v" for i in range(n)}),
    "one long header name": _request("headers", lambda n: {"X-" + "aB-" * n: "v"}),
    "a wide body": _request("body", lambda n: {f"k{i}": "Bearer x" for i in range(n)}),
    "marks": _request("body", lambda n: [{"kind": "secret", "value": "v"}] * n),
    "a body of lists": _request("body", lambda n: [_deep(30)] * (n // 30 + 1)),
    "numbers": _request("body", lambda n: [0] * n),
    "blanks after an address": _request("body", lambda n: ["a://" + "a" * 60 + " " * n + ";"] * 4),
    "equals signs": _request("body", lambda n: ["a://" + "a=a" * n] * 4),
    "names without a value": _request("body", lambda n: ["a://" + "token =" * n] * 4),
    "a form": _request("form", lambda n: {f"pin{i}": "v" for i in range(n)}),
    "unknown fields": ("http_request", lambda n: {f"x{i}": i for i in range(n)}),
    "braces": _sql(lambda n: "{{" * n),
    "comments": _sql(lambda n: "/* " * n),
    "dollar tags": _sql(lambda n: "".join(f"$a{i}$ " for i in range(n))),
    "quotes": _sql(lambda n: "E'\\'" * n),
    "inputs": _sql(lambda _: "SELECT 1", inputs=lambda n: [{"bronze_dataset": f"bronze.a.b{i}"} for i in range(n)]),
    "merge keys": _sql(lambda _: "SELECT 1", merge_keys=lambda n: ["a"] * n),
    "resources": _rest(lambda n: [{"name": f"r{i}", "path": f"/p?token={i}"} for i in range(n)]),
    "a long path": _rest(lambda n: [{"name": "r", "path": "/p?" + "token=1&" * n}]),
    "columns": _rest(lambda n: [{"name": "r", "path": "/", "columns": {f"c{i}": "text" for i in range(n)}}]),
    "conditions": _branch(lambda n: {"conditions": [{"field": "a.b", "operator": "eq", "value": i} for i in range(n)]}),
    "a wide input": _branch(lambda n: {"input": {f"k{i}": i for i in range(n)}}),
}


def _looked_at(kind: str, definition: Json) -> float:
    """Seconds of CPU for all that the door does, refused or not."""
    began = process_time()
    loc = ("definition",)
    try:
        tidy = checks.spelled(checks.tidy(kind, definition, loc))
        model = checks.complete(kind, checks.whole(kind, tidy, None, loc), loc)
        checks.split(kind, model.stored(), None, loc)
    except Refused:
        pass
    return process_time() - began


@pytest.mark.parametrize("levels", [1, 50])
def test_a_definition_of_too_many_values_is_refused_before_anybody_looks_at_them(levels: int) -> None:
    body: Any = [0] * (checks.MOST_VALUES + 1)
    for _ in range(levels):
        body = [body]
    with pytest.raises(Refused, match="20,000"):
        checks.whole("http_request", {"url": "https://h/", "body": body}, None, ("definition",))


@pytest.mark.parametrize("shape", SHAPES)
def test_looking_at_a_definition_costs_what_its_size_does(shape: str) -> None:
    kind, made = SHAPES[shape]
    size = 250
    while size < _MOST_SIZE // _GROWTH and _looked_at(kind, made(size)) < _LEAST_SECONDS:
        size *= 2
    small = min(_looked_at(kind, made(size)) for _ in range(3))
    large = min(_looked_at(kind, made(size * _GROWTH)) for _ in range(2))
    assert large <= _ALLOWED * max(small, _LEAST_SECONDS), f"{size}: {small:.3f} s, {size * _GROWTH}: {large:.3f} s"
