"""docs/capacity.md says what was measured, and nothing that was not."""

import re

from bench.capacity.costs import Constants
from bench.capacity.loads import BASE, FACTORS
from bench.capacity.model import FOLLOWER, HOLDS, need
from tools import capacity_page
from tools.deploy.dashboards.machinery import CAPACITY, SERVERS

KNOWN = Constants.read()
PAGE = capacity_page.PAGE.read_text()


def test_the_tables_are_those_of_the_constants() -> None:
    assert capacity_page.drawn() == PAGE


def test_every_table_is_shown_once() -> None:
    assert sorted(re.findall(r"make generate: (\w+)", PAGE)) == sorted(capacity_page.PARTS)


def test_every_work_that_the_model_speaks_of_was_measured() -> None:
    assert {*BASE.a_day, *HOLDS, FOLLOWER, "cleaning"} <= set(KNOWN.works)
    assert set(KNOWN.alone) <= set(KNOWN.works)


def test_more_load_needs_no_less_of_anything() -> None:
    found = [need(KNOWN, BASE.times(factor)) for factor in FACTORS]
    assert [each.connections for each in found] == sorted(each.connections for each in found)
    assert [each.wal_mb for each in found] == sorted(each.wal_mb for each in found)


def test_it_says_how_far_the_model_was_off() -> None:
    held = KNOWN.held_against
    off = held["foreseen"]["cpu"] / held["measured"]["cpu"] - 1
    assert f"| {off * 100:+.0f} % |" in PAGE


def test_the_panels_that_it_sends_people_to_are_there() -> None:
    titles = {panel.title for dashboard in (CAPACITY, SERVERS) for _, panels in dashboard.rows for panel in panels}
    named = set(re.findall(r"\*([^*]+)\*", PAGE.split("| Word | Panel |")[1].split("\n## ")[0]))
    assert named
    assert named - titles == set()


def test_a_process_has_the_connections_that_the_chart_reckons_with() -> None:
    chart = (capacity_page.PAGE.parents[1] / "deploy/helm/vai/templates/_workloads.tpl").read_text()
    said = re.findall(r"^([a-z-]+): \{values: .*pool: (\d+), lists: (\d+), besides: (\d+),", chart, re.MULTILINE)
    assert {name: sum(map(int, parts)) for name, *parts in said} == {
        name: process.connections for name, process in KNOWN.processes.items()
    }
