"""A dlt source as it is on PyPI (`dlt-unirate`, which nobody here wrote), run by its name against a server of ours."""

import sys
from pathlib import Path
from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_testkit.outside_packages import install
from vai_testkit.servers.json_api import FakeApi, Say
from vai_worker.children.job import ConnectionSecret

KEY = "k3y-of-unirate"
SHOWN = """
from typing import Literal

from vai_records.definitions.dlt_extract import DltTables
from vai_records.definitions.source_types import DLT, SourceType


class UniRateDefinition(DltTables):
    source: Literal["unirate"]
    base_currency: str = "USD"
    include_historical: bool = False
    historical_dates: list[str] = []


SOURCE = SourceType(
    UniRateDefinition,
    "UniRate",
    "Exchange rates, currencies and VAT rates.",
    code=DLT,
    dlt="dlt_unirate:unirate_source",
    credentials={"type": "object", "properties": {"api_key": {"description": "Of your account."}}},
)
"""


@pytest.fixture
def unirate(packages: Path, monkeypatch: pytest.MonkeyPatch, bench: Any, api: FakeApi) -> FakeApi:
    """Their package is installed; ours says how it is called. Its address is the server's."""
    monkeypatch.delitem(sys.modules, "vai_unirate", raising=False)
    install(packages, "vai_unirate", "unirate = vai_unirate:SOURCE", __init__=SHOWN)
    bench.connection = ConnectionSecret("id", "rates", "unirate", {"base_url": api.url}, {"api_key": KEY})
    api.paths["/api/rates"] = lambda ask: {"rates": {"EUR": "0.9", "NOK": 10.5} if ask.query["from"] == "USD" else {}}
    api.paths["/api/currencies"] = lambda ask: {"currencies": ["EUR", "NOK", "USD"]}
    api.paths["/api/vat/rates"] = lambda ask: {"vat_rates": {"NO": {"country_name": "Norway", "vat_rate": 25}}}
    api.paths["/api/historical/rates"] = lambda ask: {"rates": {"EUR": 1 + int(ask.query["date"][-2:])}}
    return api


def test_its_tables_are_extracted_with_the_connections_key(unirate: FakeApi, bench: Any) -> None:
    found = bench.extract("unirate", base_currency="usd")
    assert found["per_resource_rows"] == {"exchange_rates": 2, "currencies": 3, "vat_rates": 1}
    assert {ask.query["api_key"] for ask in unirate.asked} == {KEY}
    assert sorted(bench.column("exchange_rates", "rate")) == [0.9, 10.5]
    assert bench.column("vat_rates", "country_name") == ["Norway"]


def test_its_arguments_are_the_definitions_fields(unirate: FakeApi, bench: Any) -> None:
    asked = {"include_historical": True, "historical_dates": ["2026-01-01", "2026-01-02"]}
    found = bench.extract("unirate", resources=["historical_exchange_rates"], **asked)
    assert found["per_resource_rows"] == {"historical_exchange_rates": 2}
    assert sorted(bench.column("historical_exchange_rates", "rate")) == [2.0, 3.0]


@pytest.mark.parametrize("broken", ["status", "connection"])
def test_its_errors_never_show_the_key(unirate: FakeApi, bench: Any, broken: str) -> None:
    if broken == "status":
        unirate.paths["/api/currencies"] = lambda ask: Say({"you sent": ask.query["api_key"]}, 500)
    else:  # their message has the whole address, with the key in it
        bench.connection = ConnectionSecret("id", "r", "unirate", {"base_url": "http://127.0.0.1:9"}, {"api_key": KEY})
    with pytest.raises(RunError) as raised:
        bench.extract("unirate", resources=["currencies"])
    assert KEY not in f"{raised.value} {raised.value.message} {raised.value.details}"


def test_it_reaches_no_address_that_is_not_permitted(unirate: FakeApi, bench: Any) -> None:
    bench.connection = ConnectionSecret("id", "r", "unirate", {"base_url": "http://169.254.169.254"}, {"api_key": KEY})
    with pytest.raises(RunError) as raised:
        bench.extract("unirate", resources=["currencies"])
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
