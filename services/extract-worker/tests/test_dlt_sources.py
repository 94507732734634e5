"""A source that was written for dlt, run by its name. The SourceType is that of docs/write-a-source.md."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.definitions.dlt_extract import DltExtract
from vai_testkit.outside_packages import install
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_worker.children.job import ConnectionSecret

PAGE = Path(__file__).parents[3] / "docs/write-a-source.md"
THEIRS = """
import datetime, decimal
import dlt, pyarrow as pa, requests

@dlt.source
def tides(harbour, token=dlt.secrets.value, base_url: str = dlt.config.value):
    def pages(name, since):
        page = 1
        while page:
            asked = {"harbour": harbour, "since": since, "page": page}
            headers = {"Authorization": token}
            answer = requests.get(f"{base_url}/{name}", params=asked, headers=headers, timeout=10)
            answer.raise_for_status()
            told = answer.json()
            yield told["rows"]
            page = told["next"]

    @dlt.resource(primary_key="id")
    def levels(at=dlt.sources.incremental("at", initial_value="", row_order="asc")):
        yield from pages("levels", at.last_value)

    @dlt.resource(primary_key="id")
    def mixed(at=dlt.sources.incremental("at", initial_value="")):
        yield from pages("mixed", at.last_value)

    @dlt.transformer(data_from=levels)
    def metres(rows):
        for row in rows:
            yield {"id": row["id"], "metres": decimal.Decimal(row["id"]) / 4}

    @dlt.resource(write_disposition="replace")
    def harbours():
        yield {"name": "Bergen", "since": datetime.date(1070, 1, 1)}
        yield pa.table({"name": ["Oslo"], "since": [datetime.date(1048, 1, 1)]})

    @dlt.resource
    def asked():
        state = dlt.current.resource_state()
        state["times"] = state.get("times", 0) + 1
        yield {"times": state["times"]}

    @dlt.resource
    def odd():
        yield {"n": 1}
        raise KeyError("a secret value")

    return levels, mixed, metres, harbours, asked, odd
"""


@pytest.fixture
def tides(packages: Path, monkeypatch: pytest.MonkeyPatch, bench: Any, api: FakeApi) -> FakeApi:
    """Their package, and what the page shows, installed. It gives two rows a page, in the order of `rows`."""
    for name in ("vai_tides", "their_tides"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    _, _, shown = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    install(packages, "vai_tides", "tides = vai_tides:SOURCE", __init__=shown)
    (packages / "their_tides.py").write_text(THEIRS)
    config = {"base_url": api.url, "harbour": "not from here"}
    bench.connection = ConnectionSecret("id", "sea", "tides", config, {"token": "t0ken-of-tides", "unused": "x"})
    return api


def serve(api: FakeApi, name: str, *times: int) -> None:
    rows: list[dict[str, Any]] = [{"id": at, "at": f"2026-01-{at:02}", "more": {"deep": [at]}} for at in times]

    def answer(ask: Ask) -> Any:
        found, page = [row for row in rows if row["at"] >= ask.query["since"]], int(ask.query["page"])
        part = found[page * 2 - 2 : page * 2]
        return {"rows": part, "next": page + 1 if page * 2 < len(found) else None}

    api.paths[f"/{name}"] = answer


def extract(bench: Any, *names: str, **more: Any) -> Any:
    return bench.extract("tides", **{"harbour": "Bergen", "resources": list(names), **more})["per_resource_rows"]


def test_what_an_action_may_say_are_the_fields_alone(tides: FakeApi) -> None:
    for wrong in ({}, {"harbour": 1}, {"harbour": "a", "token": "b"}, {"harbour": "a", "start_date": "2026-01-01"}):
        with pytest.raises(ValidationError):
            DltExtract.model_validate({"source": "tides", **wrong})


def test_its_resources_are_tables_and_go_on_by_dlts_state(tides: FakeApi, bench: Any) -> None:
    for name in ("levels", "mixed"):
        serve(tides, name, 1, 2, 3)
    names = ("levels", "mixed", "metres", "harbours")
    assert extract(bench, *names) == {"levels": 3, "mixed": 3, "metres": 3, "harbours": 2}
    assert {ask.headers["authorization"] for ask in tides.asked} == {"t0ken-of-tides"}
    assert {ask.query["harbour"] for ask in tides.asked} == {"Bergen"}
    assert bench.column("harbours", "name") == ["Bergen", "Oslo"]
    serve(tides, "levels", 1, 2, 3, 4)
    serve(tides, "mixed", 4, 1, 3, 5, 2)
    bench.next_run()
    assert extract(bench, *names) == {"levels": 1, "mixed": 2, "metres": 1, "harbours": 2}
    assert sorted(bench.column("mixed", "id")) == [4, 5]
    bench.next_run()
    assert extract(bench, "mixed", incremental=False) == {"mixed": 5}


def test_a_state_of_its_own_is_kept_where_rows_are_added(tides: FakeApi, bench: Any) -> None:
    added = {"name": "asked", "write_disposition": "append"}
    for times in ([1], [2]):
        assert bench.extract("tides", harbour="a", resources=[added])["per_resource_rows"] == {"asked": 1}
        assert bench.column("asked", "times") == times
        bench.next_run()
    extract(bench, "asked")
    assert bench.column("asked", "times") == [1]


@pytest.mark.parametrize(
    ("name", "pages"), [("levels", ["1", "2", "3", "1", "2"]), ("mixed", ["1", "2", "3", "1", "2", "3"])]
)
def test_an_attempt_goes_on_where_the_order_is_known_and_else_begins_again(
    tides: FakeApi, bench: Any, name: str, pages: list[str]
) -> None:
    serve(tides, name, *((1, 2, 3, 4, 5, 6) if name == "levels" else (6, 5, 4, 3, 2, 1)))
    answer, away = tides.paths[f"/{name}"], [True]
    tides.paths[f"/{name}"] = lambda ask: (
        Say({}, 503) if ask.query["page"] == "3" and away and away.pop() else answer(ask)
    )
    with pytest.raises(Retryable):
        extract(bench, name, slice_rows=1)
    bench.epoch += 1
    extract(bench, name, slice_rows=1)
    assert sorted(bench.column(name, "id")) == [1, 2, 3, 4, 5, 6]
    assert [ask.query["page"] for ask in tides.asked] == pages


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, Permanent, ErrorCode.AUTH_ERROR),
        (429, Retryable, ErrorCode.RATE_LIMITED),
        (503, Retryable, ErrorCode.CONNECTION_ERROR),
    ],
)
def test_what_a_server_says_is_the_error_that_it_means(
    tides: FakeApi, bench: Any, status: int, kind: type[RunError], code: ErrorCode
) -> None:
    tides.paths["/levels"] = lambda ask: Say({"why": "no"}, status)
    with pytest.raises(kind) as failed:
        extract(bench, "levels")
    assert failed.value.code is code


def test_what_goes_wrong_in_it_is_told_without_its_data(tides: FakeApi, bench: Any) -> None:
    with pytest.raises(Permanent, match=r"odd failed in its own code \(KeyError in their_tides.py:\d+\)") as failed:
        extract(bench, "odd")
    assert "secret value" not in str(failed.value.as_json())
    with pytest.raises(Permanent, match="did you mean levels"):
        extract(bench, "level")
    bench.connection = None
    with pytest.raises(Permanent, match=r"lacks a value.*token") as failed:
        extract(bench, "harbours")
    assert failed.value.code is ErrorCode.AUTH_ERROR


def test_it_reaches_permitted_addresses_only(tides: FakeApi, bench: Any) -> None:
    serve(tides, "levels", 1)
    bench.addresses = ""
    with pytest.raises(Permanent, match="is not public"):
        extract(bench, "levels")
    assert tides.asked == []
