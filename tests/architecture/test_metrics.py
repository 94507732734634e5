"""Every metric has a good name, a description and few series, is told by docs/metrics.md, and moves in the code."""

import ast
import re
from functools import cache

import pytest

from tests.architecture.workspace import MEMBERS, modules, package_of, tree
from tools import metrics_page
from tools.metrics_page import LABELS, Metric, declared

METRICS = declared()
_PER_THING = re.compile(r"(^|_)(id|uuid|run|action|connection|automation|user|url|path|trace)(_|$)")


@pytest.fixture(params=METRICS, ids=lambda metric: metric.name)
def metric(request: pytest.FixtureRequest) -> Metric:
    found: Metric = request.param
    return found


def test_it_has_a_name_by_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"vai_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert metric.type != "histogram" or metric.unit, "a histogram says its unit"
    assert not re.search(r"_(ms|millis|minutes|hours|mb|kb|percent)(_|$)", metric.name), "use seconds, bytes, ratios"


def test_it_is_described(metric: Metric) -> None:
    assert len(metric.help) > 10
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert not metric.help.endswith(".")


def test_its_labels_have_few_values(metric: Metric) -> None:
    assert set(metric.labels) <= set(LABELS)
    assert not [label for label in metric.labels if _PER_THING.search(label)]


def test_only_one_metric_names_organisations() -> None:
    assert [metric.name for metric in METRICS if "organisation" in metric.labels] == ["vai_organisation_runs_live"]


def test_every_label_is_used() -> None:
    assert {label for metric in METRICS for label in metric.labels} == set(LABELS)


@cache
def _used() -> set[str]:
    """Names that code outside of the declarations reads: `name`, or `metrics.name`."""
    names = set()
    for member in MEMBERS:
        for module in modules(package_of(member)):
            if module.stem == "metrics":
                continue
            for node in ast.walk(tree(module)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    names.add(node.id)
                elif (
                    isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "metrics"
                ):
                    names.add(node.attr)
    return names


def test_it_moves_in_the_code(metric: Metric) -> None:
    assert metric.variable in _used()


def test_no_metric_is_declared_elsewhere() -> None:
    made = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
    for member in MEMBERS:
        for module in modules(package_of(member)):
            imported = [
                name.name
                for node in ast.walk(tree(module))
                if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client"
                for name in node.names
            ]
            calls = {
                node.func.id
                for node in ast.walk(tree(module))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert module.stem == "metrics" or not made & set(imported) & calls, module


def test_names_are_used_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


def test_the_page_says_what_there_is() -> None:
    assert metrics_page.drawn() == metrics_page.PAGE.read_text()
