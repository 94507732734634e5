"""The dashboards that are committed are what the code says, ask only for what there is, and explain themselves."""

import json
import re
from typing import Any

import pytest

from tests.architecture.workspace import ROOT
from tools.deploy.dashboards.__main__ import stale, wrong
from tools.deploy.dashboards.build import DASHBOARDS
from tools.deploy.dashboards.panels import Dashboard, Query
from tools.deploy.promql import faults
from tools.metrics_page import declared

LARGEST_CONFIG_MAP = 1_048_576 // 2
"""Bytes; half of what a ConfigMap may hold."""
_OF_PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)


def _json(page: Dashboard) -> tuple[str, dict[str, Any]]:
    text = (ROOT / f"deploy/grafana/{page.uid}.json").read_text()
    return text, json.loads(text)


def test_what_is_committed_is_what_the_code_says() -> None:
    assert stale() == []


def test_each_query_asks_for_metrics_and_labels_that_there_are() -> None:
    assert wrong() == []


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("sum(rate(vai_runs_ended_totl[5m]))", "no metric"),
        ('vai_runs_live{fase="queued"}', "no label 'fase'"),
        ("sum by (knd) (vai_runs_live)", "has the label 'knd'"),
        ("vai_ready * on (instance) group_left (servce) vai_build_info", "has the label 'servce'"),
        ("sum(vai_ready", "cannot be parsed"),
    ],
)
def test_a_query_with_a_typo_is_found(expr: str, fault: str) -> None:
    [found] = faults(expr)
    assert fault in found


def test_a_query_is_held_to_the_namespace_that_was_chosen() -> None:
    asked = Query('sum(rate(vai_runs_ended_total{status="failed"}[5m])) / max(vai_ready)').scoped
    assert asked == (
        'sum(rate(vai_runs_ended_total{status="failed", namespace=~"$namespace"}[5m]))'
        ' / max(vai_ready{namespace=~"$namespace"})'
    )


@_OF_PAGES
def test_every_panel_says_what_it_shows_and_in_which_unit(page: Dashboard) -> None:
    _, shown = _json(page)
    panels = [panel for panel in shown["panels"] if panel["type"] != "row"]
    assert panels
    for panel in panels:
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"].endswith("."), panel["title"]


@_OF_PAGES
def test_the_data_source_is_a_variable_everywhere(page: Dashboard) -> None:
    text, shown = _json(page)
    assert (
        shown["templating"]["list"][0] | {"name": "datasource", "type": "datasource"} == shown["templating"]["list"][0]
    )
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"${datasource}", page.uid}


@_OF_PAGES
def test_it_fits_into_a_config_map_and_its_panels_do_not_overlap(page: Dashboard) -> None:
    text, shown = _json(page)
    assert len(text) < LARGEST_CONFIG_MAP
    cells = [
        (across, down)
        for place in (panel["gridPos"] for panel in shown["panels"])
        for across in range(place.get("x", 0), place.get("x", 0) + place["w"])
        for down in range(place.get("y", 0), place.get("y", 0) + place["h"])
    ]
    assert len(cells) == len(set(cells))


def test_titles_and_uids_are_used_once() -> None:
    assert len({page.uid for page in DASHBOARDS}) == len({page.title for page in DASHBOARDS}) == len(DASHBOARDS)


def test_nearly_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(query.expr for page in DASHBOARDS for panel in page.panels for query in panel.queries)
    missing = {metric.name for metric in declared() if metric.name not in shown}
    assert missing == {"vai_database_pool_limit"}, "a metric that nobody sees is for nobody"
