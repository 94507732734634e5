"""A source of another package: found by its entry point, read, and kept as any other. The code is that of
docs/write-a-source.md."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vai_common.errors import ErrorCode, RunError
from vai_records.definitions import definition_schema
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.source_types import _OURS, _VENDORS, source_types
from vai_testkit.outside_packages import install
from vai_testkit.servers.json_api import Ask, FakeApi, Say
from vai_worker.children.job import ConnectionSecret

ANOTHERS = "from vai_records.definitions.source_types import _OURS\nSOURCE = _OURS[0]"
PAGE = Path(__file__).parents[3] / "docs/write-a-source.md"


@pytest.fixture
def weather(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows, installed."""
    text = PAGE.read_text()
    init, reading, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (point,) = re.findall(r'^weather = "(.+)"$', text, re.MULTILINE)
    for name in ("vai_weather", "vai_weather.reading"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    install(packages, "vai_weather", f"weather = {point}", __init__=init, reading=reading)


def serve(api: FakeApi, rows: dict[str, list[dict[str, Any]]], size: int = 2) -> None:
    def answer(ask: Ask) -> Any:
        since, page = ask.query.get("since", ""), int(ask.query["page"])
        found = [row for row in rows[ask.path.strip("/")] if row.get("measured_at", "") >= since]
        return {
            "rows": found[(page - 1) * size : page * size],
            "next_page": page + 1 if page * size < len(found) else None,
        }

    for name in rows:
        api.paths[f"/{name}"] = answer


def weather_at(url: str) -> ConnectionSecret:
    return ConnectionSecret("id", "skies", "weather", {"base_url": url}, {"token": "t0ken-of-weather"})


def measured(*days: int) -> list[dict[str, Any]]:
    return [{"station": "a", "measured_at": f"2026-01-{day:02}T00:00:00Z", "degrees": day} for day in days]


@pytest.mark.usefixtures("weather")
def test_it_is_listed_with_its_package_its_tables_and_its_schema() -> None:
    found = source_types()["weather"]
    assert (found.package, [one.size for one in found.resources]) == ("vai-weather", ["XS", "L"])
    assert "WeatherDefinition" in definition_schema("dlt_extract")["$defs"]
    assert DltExtract.model_validate({"source": "weather", "station": "a"}).source == "weather"
    with pytest.raises(ValidationError):
        DltExtract.model_validate({"source": "weather", "statoin": "a"})


@pytest.mark.usefixtures("weather")
def test_it_is_extracted_smallest_first_and_goes_on_from_its_cursor(bench: Any, api: FakeApi) -> None:
    rows = {"stations": [{"id": 1}, {"id": 2}, {"id": 3}], "measurements": measured(1, 2, 3)}
    serve(api, rows)
    bench.connection = weather_at(f"{api.url}/")
    result = bench.extract("weather", incremental=True)
    assert result["per_resource_rows"] == {"stations": 3, "measurements": 3}
    assert [ask.path for ask in api.asked] == ["/stations"] * 2 + ["/measurements"] * 2
    assert {ask.headers["authorization"] for ask in api.asked} == {"Bearer t0ken-of-weather"}
    rows["measurements"] += [{**measured(3)[0], "station": "b"}, *measured(4)]
    bench.next_run()
    result = bench.extract("weather", incremental=True)
    assert result["per_resource_rows"] == {"stations": 3, "measurements": 2}
    assert bench.column("measurements", "degrees") == [3, 4]


@pytest.mark.usefixtures("weather")
def test_what_a_server_says_is_the_error_that_it_means(bench: Any, api: FakeApi) -> None:
    api.paths["/stations"] = lambda ask: Say({"why": "no"}, 401)
    bench.connection = weather_at(api.url)
    with pytest.raises(RunError) as failed:
        bench.extract("weather", resources=["stations"])
    assert failed.value.code is ErrorCode.AUTH_ERROR


@pytest.mark.usefixtures("weather")
@pytest.mark.parametrize(
    ("name", "says"), [("rain", "there are: measurements, stations"), ("Station", "did you mean stations?")]
)
def test_a_table_that_it_does_not_have_is_refused_when_an_action_is_saved(name: str, says: str) -> None:
    for resource in (name, {"name": name, "write_disposition": "append"}):
        with pytest.raises(ValidationError) as failed:
            DltExtract.model_validate({"source": "weather", "resources": ["stations", resource]})
        (error,) = failed.value.errors()
        assert error["loc"] == ("resources", 1)
        assert error["msg"] == f"weather has no table {name!r}; {says}"


@pytest.mark.parametrize(
    ("module", "point", "why"),
    [
        ("import nothing_there", "broken = odd:SOURCE", "nothing_there"),
        ("SOURCE = 5", "broken = odd:SOURCE", "not a SourceType"),
        ("raise SystemExit('no licence')", "broken = odd:SOURCE", "no licence"),
        (ANOTHERS, "rest_api = odd:SOURCE", "already"),
        (ANOTHERS, "other = odd:SOURCE", "one name"),
    ],
)
def test_a_package_that_is_broken_stops_nobody(
    packages: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: str, point: str, why: str
) -> None:
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    install(packages, "odd", point, __init__=module)
    assert list(source_types()) == [*(one.name for one in _OURS), *_VENDORS]
    assert caplog.text.count("source_not_loaded") == 1
    assert "of the package odd" in caplog.text
    assert why in caplog.text


def test_a_source_of_another_package_is_no_longer_than_it_should_be() -> None:
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[:2])
    assert len([line for line in code.splitlines() if line.strip()]) <= 45
