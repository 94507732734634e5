"""`vai top`, `vai system` and `vai open`, against a server on a real socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

Vai = Callable[..., Result]

SYSTEM = {
    "checkedAt": "2026-11-30T06:00:00Z",
    "version": "0.1.0",
    "processes": [
        {
            "name": "extract-worker-0a1b2c3d",
            "service": "extract-worker",
            "version": "0.1.0",
            "kinds": ["dlt_extract"],
            "slots": 4,
            "slotsUsed": 3,
            "state": "late",
            "startedAt": "2026-11-30T05:00:00Z",
            "beatAt": "2026-11-30T05:59:00Z",
        }
    ],
    "processesTotal": 501,
    "losses": [
        {
            "name": "scheduler-1",
            "service": "scheduler",
            "version": None,
            "why": "its beat stood still",
            "startedAt": "2026-11-30T05:00:00Z",
            "beatAt": "2026-11-30T05:10:00Z",
            "lostAt": "2026-11-30T05:11:00Z",
        }
    ],
    "queues": [
        {
            "kind": "dlt_extract",
            "service": "extract-worker",
            "workers": 0,
            "slots": 0,
            "slotsUsed": 0,
            "queued": 10_000,
            "oldestSeconds": 62.5,
            "leased": 3,
        }
    ],
    "journal": {"unpublished": 12, "oldestSeconds": 4.0},
    "database": {"bytes": 12_300_000, "connections": 20, "connectionsLimit": 97},
    "limits": {"maxRunning": 50, "live": 10_003, "held": {"limit": 7}, "connections": []},
    "countedUpTo": 10_000,
}


def _said(done: Result) -> str:
    """What stands in the box of an error, in one line."""
    return " ".join(done.stderr.replace("│", " ").split())


def test_top_shows_processes_queues_and_the_newest_runs(vai: Vai, platform: Any) -> None:
    platform.system = SYSTEM
    run = platform.add_run()
    done = vai("top")
    assert done.exit_code == 0, done.output
    for text in (
        "10,003+ live runs of 50 · 7 held for limit",
        "12 events not on Kafka (oldest 4.0s) · database 12.3 MB · 20 of 97 connections",
        "extract-worker-0a1b2c3d  late   3/4",
        "and 500 more",
        "lost: scheduler-1",
        "dlt_extract  10,000+  1m 2s   3        0",
        run["id"],
    ):
        assert text in done.stdout, done.stdout


def test_top_shows_the_runs_to_those_who_are_no_administrators(vai: Vai, platform: Any) -> None:
    run = platform.add_run()
    done = vai("top")
    assert done.exit_code == 0, done.output
    assert "Processes and queues are shown to administrators." in done.stdout
    assert run["id"] in done.stdout


def test_top_is_for_programs_too_and_looks_as_often_as_it_is_told(vai: Vai, platform: Any) -> None:
    platform.system = SYSTEM
    done = vai("top", "--json", "--count", "1")
    assert json.loads(done.stdout) == {"system": SYSTEM, "runs": []}
    assert json.loads(vai("system", "--json").stdout) == SYSTEM


@pytest.mark.parametrize(
    ("noun", "folder"),
    [("run", "runs"), ("action", "actions"), ("connection", "connections"), ("automation", "automations")],
)
def test_open_prints_the_address_of_what_is_named(vai: Vai, platform: Any, noun: str, folder: str) -> None:
    made = getattr(platform, f"add_{noun}")()
    page = f"{platform.url}/{folder}/{made['id']}"
    assert vai("open", made["id"]).stdout == f"{page}\n"
    assert vai("open", made["id"][:13]).stdout == f"{page}\n"
    if "slug" in made:
        assert json.loads(vai("open", made["slug"], "--json").stdout) == {"type": noun, "url": page}


def test_open_knows_the_pages(vai: Vai, platform: Any) -> None:
    assert vai("open").stdout == f"{platform.url}/\n"
    assert vai("open", "approvals").stdout == f"{platform.url}/approvals\n"


def test_open_names_what_it_does_not_find_and_what_is_there_twice(vai: Vai, platform: Any) -> None:
    nothing = vai("open", "nowhere")
    assert nothing.exit_code == 2
    assert "nothing that you may see is called 'nowhere'" in _said(nothing)
    made = platform.add_action(slug="twice"), platform.add_automation(slug="twice")
    twice = vai("open", "twice")
    assert twice.exit_code == 2
    assert "--type automation and --type action" in _said(twice)
    assert vai("open", "twice", "--type", "action").stdout == f"{platform.url}/actions/{made[0]['id']}\n"
