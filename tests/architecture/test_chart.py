"""What the chart says of the code is true, and what is drawn for it is fresh."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tests.architecture.workspace import ROOT, SERVICES, imports_of, package_of
from tools.deploy.chart.helm import CHART
from tools.deploy.chart.page import at, leaves, read_schema, stale
from vai_common.environment import NAMES
from vai_devstack.services import SERVICES as STARTED
from vai_records.definitions.kinds import KINDS, Mode

SCHEMA = read_schema()
TEMPLATES = {path: path.read_text() for path in (CHART / "templates").iterdir()}
_OF_CHART = {
    "KINDS",
    "SLOTS",
    "STOP_SECONDS",
    "CHILD_MEMORY_MB",
    "GRPC_HOST",
    "GRPC_PORT",
    "HTTP_HOST",
    "HTTP_PORT",
    "METRICS_PORT",
}


def _defined(name: str) -> dict[str, dict[str, object]]:
    """What a helper of the chart says as YAML."""
    text = (CHART / "templates/_workloads.tpl").read_text()
    found = re.search(rf'define "{re.escape(name)}" -}}}}\n(.*?)\{{\{{- end', text, re.DOTALL)
    assert found
    said: dict[str, dict[str, object]] = yaml.safe_load(found[1])
    return said


def test_what_is_drawn_for_the_chart_is_fresh() -> None:
    assert stale() == []


def test_every_value_is_described_bounded_and_read_by_a_template() -> None:
    text = "\n".join(TEMPLATES.values())
    for path in leaves(SCHEMA, SCHEMA):
        name = ".".join(path)
        assert at(SCHEMA, path).get("description", "").endswith((".", ")", "…")), name
        if path[0] != "global" and path[-3:-1] != ("probes",) and "probes" not in path:
            assert re.search(rf'[."]{path[-1]}\b', text), f"no template reads {name}"


def test_no_map_of_values_takes_a_key_that_nobody_knows() -> None:
    def open_maps(schema: dict[str, object], path: str = "") -> list[str]:
        found = [path] if "properties" in schema and schema.get("additionalProperties", True) is True else []
        for name, each in schema.items():
            for key, inner in [(name, each)] if isinstance(each, dict) else []:
                found += open_maps(inner, f"{path}.{key}")
        return found

    unread = [path for path in open_maps(SCHEMA) if not re.search(r"\.(if|then)$", path)]
    assert unread == []


def test_the_default_values_are_all_in_the_schema_and_the_other_way_round() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values.keys() == SCHEMA["properties"].keys() - {"global"}


def test_the_kinds_of_the_chart_are_those_that_this_version_runs() -> None:
    served = {name: kind for name, kind in KINDS.items() if kind.available and kind.service != "scheduler"}
    said = _defined("vai.kinds")
    assert {name: (each["service"], each["sync"]) for name, each in said.items()} == {
        name: (kind.service, kind.mode is Mode.SYNC) for name, kind in served.items()
    }
    assert set(at(SCHEMA, ("workers", "*", "kinds"))["items"]["enum"]) == served.keys()


def test_a_kind_that_connects_for_a_tenant_reaches_the_internet_and_no_other_does() -> None:
    """By what its code imports, in the worker and in its child processes."""
    ways_out = ("vai_common.egress", "vai_worker.models.", "vai_worker.mcp")
    for name, said in _defined("vai.kinds").items():
        source = package_of(ROOT / f"services/{said['service']}")
        named = re.compile(rf'^    name = "{name}"$', re.MULTILINE)
        (module,) = [path for path in source.rglob("*.py") if named.search(path.read_text())]
        found = _imported(source, module, set())
        assert any(each.startswith(ways_out) for each in found) == said["internet"], name


def _imported(source: Path, module: Path, seen: set[Path]) -> set[str]:
    """What a module of a service imports, also through others of the service and as the entry of a child."""
    seen.add(module)
    names = {*imports_of(module), *re.findall(r'"(vai_[a-z_.]+):[a-z_]+"', module.read_text())}
    found = set(names)
    for name in names:
        own = source.parent / f"{name.replace('.', '/')}.py"
        if own.is_file() and own.is_relative_to(source) and own not in seen:
            found |= _imported(source, own, seen)
    return found


def test_the_connections_that_the_chart_counts_are_those_of_the_settings() -> None:
    said = _defined("vai.services")
    assert said.keys() == {service.name for service in STARTED}
    for member in SERVICES:
        module = package_of(member).name
        fields = __import__(f"{module}.settings", fromlist=["Settings"]).Settings.model_fields
        own = said[member.name]
        assert own["pool"] == fields["pool_size"].default, member.name
        assert own["lists"] == (fields["lists_pool_size"].default if "lists_pool_size" in fields else 0), member.name
        assert own["besides"] == 2 + (member.name == "watchdog"), member.name  # LISTEN, the lock, and its looks
    for service in STARTED:
        assert (said[service.name]["decrypts"], said[service.name]["grpc"]) == (service.decrypts, service.grpc)


def test_the_alerts_and_dashboards_of_the_chart_are_the_files_themselves() -> None:
    """Links, which helm follows: a copy could be another one."""
    assert (CHART / "files/alerts.yaml").resolve() == ROOT / "deploy/alerts/rules.yaml"
    assert (CHART / "files/dashboards").resolve() == ROOT / "deploy/grafana"


def test_the_environment_takes_the_settings_of_services_and_no_slips() -> None:
    known = set(SCHEMA["$defs"]["env"]["propertyNames"]["anyOf"][1]["enum"])
    settings: set[str] = set()
    for member in SERVICES:
        fields = __import__(f"{package_of(member).name}.settings", fromlist=["Settings"]).Settings.model_fields
        settings |= {f"VAI_{name.upper()}" for name in fields}
    assert known == settings - {f"VAI_{name}" for name in _OF_CHART}
    assert known <= NAMES


def test_the_version_of_the_chart_is_the_projects() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert {chart["version"], chart["appVersion"]} == {(ROOT / "VERSION").read_text().strip()}
