"""The `vai` command line against a server on a real socket."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse
from typer.testing import Result

Vai = Callable[..., Result]


def klaviyo(platform: Any, status: str = "completed", **values: Any) -> Callable[[Any], None]:
    """What a run does once it is made: log as in document 004, and end."""

    def work(run: Any) -> None:
        platform.add_log(run, "extraction_started", "Starting extraction from klaviyo")
        platform.add_log(run, "resource_failed", "Failed lists: 404", "error")
        platform.end(run, status, **values)

    return work


RESULT = {"recordsProcessed": 12500, "tables": ["profiles", "events"], "bytesTransferred": 2100000}


def test_run_shows_the_log_as_documented_and_what_came_of_it(vai: Vai, platform: Any) -> None:
    platform.on_create = klaviyo(platform, result=RESULT)
    done = vai("run", "dlt_extract", "--set", "source=klaviyo", "--set", 'resources=["profiles"]', "--set", "a.b=3")
    (run,) = platform.runs.values()
    assert done.stdout.splitlines() == [
        "10:30:00 [info] extraction_started - Starting extraction from klaviyo",
        "10:30:01 [error] resource_failed - Failed lists: 404",
        f"run {run['id']} completed in 2.0s: 12,500 records · tables profiles, events · 2.1 MB",
    ]
    assert done.stderr == f"run {run['id']} (dlt_extract)\n"
    assert done.exit_code == 0
    assert run["definition"] == {"source": "klaviyo", "resources": ["profiles"], "a": {"b": 3}}
    assert platform.seen[0].headers["prefer"] == "respond-async"
    assert platform.seen[0].headers["user-agent"].startswith("vai-cli/"), "makes triggerMethod `cli`"


@pytest.mark.parametrize("status", ["failed", "cancelled", "rejected"])
def test_run_ends_with_1_when_the_run_does_not_complete(vai: Vai, platform: Any, status: str) -> None:
    platform.on_create = klaviyo(platform, status)
    assert vai("run", "dlt_extract").exit_code == 1


def test_run_tells_why_the_run_failed_and_what_to_type_next(vai: Vai, platform: Any) -> None:
    error = {"code": "RATE_LIMITED", "message": "too fast", "details": {"statusCode": 429}, "retryable": True}
    platform.on_create = klaviyo(platform, "failed", error=error)
    done = vai("run", "dlt_extract")
    (run,) = platform.runs
    assert done.stdout.splitlines()[2:] == [f"run {run} failed in 2.0s: RATE_LIMITED: too fast", "  statusCode: 429"]
    assert done.stderr.splitlines()[-1] == f"To try again from where it stopped: vai retry {run}"


def test_run_names_the_resources_of_a_partial_success(vai: Vai, platform: Any) -> None:
    progress = {"resources_order": ["a", "b"], "completed_resources": ["a"], "failed_resources": ["b"]}
    platform.on_create = klaviyo(platform, result=RESULT, progress=progress, displayStatus="completed_with_errors")
    done = vai("run", "dlt_extract")
    assert done.exit_code == 4, "cron must notice"
    assert "completed_with_errors in 2.0s" in done.stdout
    assert "failed: b. To take only these again: vai retry" in done.stderr


def test_run_takes_a_definition_from_a_file_the_standard_input_or_the_command_line(
    vai: Vai, platform: Any, tmp_path: Path
) -> None:
    platform.on_create = klaviyo(platform)
    (tmp_path / "d.json").write_text('{"source": "sample", "rows": 1}')
    vai("run", "dlt_extract", "--definition", "d.json", "--set", "rows=2", "--connection", "shop")
    vai("run", "dlt_extract", "--definition", "-", input='{"source": "noop"}')
    vai("run", "dlt_extract", "--definition", '{"source": "sample"}')
    sent = [run["definition"] for run in platform.runs.values()]
    assert sent == [{"source": "sample", "rows": 2, "connection": "shop"}, {"source": "noop"}, {"source": "sample"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "rows"], "'rows' is not of the form name.name=value"),
        (["--set", "a..b=1"], "'a..b=1' is not of the form"),
        (["--set", "a=1", "--set", "a.b=1"], "'a' already has a value"),
        (["--definition", "missing.json"], "missing.json"),
        (["--definition", "-"], "a JSON object is needed"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_sent(
    vai: Vai, platform: Any, arguments: list[str], words: str
) -> None:
    done = vai("run", "noop", *arguments, input="[]")
    assert done.exit_code == 2
    assert words in plain(done.stderr)
    assert platform.seen == []


def plain(text: str) -> str:
    """Without the frame that usage errors are drawn in."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)


def test_no_follow_only_starts_the_run(vai: Vai, platform: Any) -> None:
    done = vai("run", "dlt_extract", "--no-follow")
    (run,) = platform.runs
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"run {run} pending\n", "")
    assert "prefer" not in platform.seen[0].headers


def test_json_gives_the_run_alone_when_it_has_ended(vai: Vai, platform: Any) -> None:
    platform.on_create = klaviyo(platform, "failed")
    done = vai("run", "dlt_extract", "--json")
    assert json.loads(done.stdout) == next(iter(platform.runs.values()))
    assert (done.exit_code, done.stderr) == (1, "")
    assert platform.seen[0].headers["prefer"] == "wait=60"


def test_json_with_follow_keeps_the_log_off_the_standard_output(vai: Vai, platform: Any) -> None:
    platform.on_create = klaviyo(platform)
    done = vai("run", "dlt_extract", "--json", "--follow")
    assert json.loads(done.stdout)["status"] == "completed"
    assert "extraction_started" in done.stderr


@pytest.mark.parametrize("how", [[], ["--no-follow"], ["--json"]])
def test_wait_leaves_a_run_that_goes_on_with_3(vai: Vai, platform: Any, how: list[str]) -> None:
    platform.holds = not how
    done = vai("run", "dlt_extract", "--wait", "0.3", *how)
    assert done.exit_code == 3
    assert "pending" in done.stdout
    (run,) = platform.runs
    assert done.stderr.splitlines()[-1] == f"The run goes on: vai logs {run} --follow"


def test_the_result_of_a_request_is_shown_as_json(vai: Vai, platform: Any) -> None:
    platform.on_create = lambda run: platform.end(run, result={"status_code": 200, "body": {"ok": True}})
    done = vai("run", "http_request", "--no-follow", "--wait", "5")
    assert done.stdout.splitlines()[0].endswith("completed in 2.0s")
    assert json.loads(done.stdout.partition("\n")[2]) == {"status_code": 200, "body": {"ok": True}}


def test_on_a_terminal_the_progress_is_drawn_under_the_log(
    vai: Vai, platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    looks = iter(range(60))

    def work(run: Any) -> None:
        place = next(looks, None)
        if place is None:
            platform.end(run, result=RESULT)
            return
        cursor = {"events": {"slices_completed": 1, "slices_total": 2, "estimated_seconds_left": 95}}
        run |= {
            "status": "running",
            "displayStatus": "running",
            "progress": {"resources_order": ["profiles", "events"]},
        }
        run["progress"] |= {"completed_resources": ["profiles"], "failed_resources": []}
        run["progress"] |= {"in_progress_resource": "events", "resource_cursors": cursor}

    platform.on_look = work
    platform.on_create = lambda run: platform.add_log(run, "slice_completed", "Slice 1/2: 8,500 rows")
    done = vai("run", "dlt_extract")
    assert done.exit_code == 0
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)
    assert re.search(r"events 1/2, about 2 min left .* 75%", drawn)
    assert "10:30:00 [info] slice_completed - Slice 1/2: 8,500 rows" in drawn
    assert "\x1b[" in done.stdout


def test_a_run_that_awaits_approval_says_what_to_type(vai: Vai, platform: Any) -> None:
    looks = iter(range(60))

    def work(run: Any) -> None:
        words = "awaiting_approval" if next(looks, None) is not None else "rejected"
        run |= {"status": words, "displayStatus": words}

    platform.on_look = work
    done = vai("run", "approval_gate")
    (run,) = platform.runs
    assert done.exit_code == 1
    assert done.stderr.count(f"It waits for approval: vai approve {run} (or: vai reject {run})") == 1


def test_a_list_says_what_is_asked_of_whoever_approves(vai: Vai, platform: Any) -> None:
    asked = {"title": "Send the orders?", "message": "Look at gold first."}
    platform.add_run(status="awaiting_approval", displayStatus="awaiting_approval", definition=asked)
    assert "Send the orders?" in vai("runs").stdout


def test_control_characters_of_a_log_do_not_reach_the_terminal(vai: Vai, platform: Any) -> None:
    run = platform.add_run(status="completed")
    platform.add_log(run, "note", "\x1b[2Jgone\nand [red]more[/red]")
    assert vai("logs", run["id"]).stdout == "10:30:00 [info] note - �[2Jgone and [red]more[/red]\n"


@pytest.mark.parametrize("command", [["logs"], ["actions", "logs"]])
def test_logs_prints_the_whole_log_from_a_level_up(vai: Vai, platform: Any, command: list[str]) -> None:
    run = platform.add_run()
    for place in range(600):
        platform.add_log(run, "tick", f"{place}", "warning" if place % 100 == 0 else "info", occurred=place)
    assert len(vai(*command, run["id"]).stdout.splitlines()) == 600
    assert len(vai(*command, run["id"], "--level", "warning").stdout.splitlines()) == 6
    first = json.loads(vai(*command, run["id"], "--json").stdout.splitlines()[0])
    assert first == platform.logs[run["id"]][0]


def test_the_last_entries_of_a_log_are_shown_in_their_order_and_followed_from_there(vai: Vai, platform: Any) -> None:
    run = platform.add_run(status="completed")
    for place in range(600):
        platform.add_log(run, "tick", f"{place}", "warning" if place % 100 == 0 else "info", occurred=place)
    told = [line.rpartition(" ")[2] for line in vai("logs", run["id"], "--tail", "3").stdout.splitlines()]
    assert told == ["597", "598", "599"]
    grave = vai("logs", run["id"], "--tail", "2", "--level", "warning").stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in grave] == ["400", "500"]
    assert len(vai("logs", run["id"], "--tail", "5", "--follow").stdout.splitlines()) == 5
    assert len(vai("logs", run["id"], "--tail", "5", "--follow", "--json").stdout.splitlines()) == 5


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_following_a_log_goes_on_to_the_end_over_broken_connections(vai: Vai, platform: Any, more: list[str]) -> None:
    run = platform.add_run(status="completed")
    klaviyo(platform)(run)
    platform.pieces.extend([(1, "break"), (0, "close")])
    assert len(vai("logs", run["id"], "--follow", *more).stdout.splitlines()) == 2


def test_runs_lists_what_there_is_in_plain_columns(vai: Vai, platform: Any) -> None:
    error = {"code": "AUTH_ERROR", "message": "Invalid API key " + "x" * 200, "details": {}, "retryable": False}
    failed = platform.add_run(kind="dlt_extract", status="failed", error=error, retryCount=2, durationSeconds=15300.0)
    moving = platform.add_run(kind="duckdb_transform", status="running")
    lines = vai("runs").stdout.splitlines()
    assert lines[0].split() == ["RUN", "KIND", "STATUS", "CREATED", "TOOK", "RETRIES", "OUTCOME"]
    born = ["2026-11-22", "10:30:00"]
    assert lines[1].split() == [moving["id"], "duckdb_transform", "running", *born, "-", "-", "-"]
    assert lines[2].split()[:8] == [failed["id"], "dlt_extract", "failed", *born, "4h", "15m", "2"]
    assert lines[2].endswith("AUTH_ERROR: Invalid API key " + "x" * 200)


def test_on_a_terminal_a_row_of_the_list_is_one_line(vai: Vai, platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    error = {"code": "DATA_ERROR", "message": "x" * 200, "details": {}, "retryable": False}
    platform.add_run(status="failed", error=error)
    heading, row = (re.sub(r"\x1b\[[0-9;]*m", "", line) for line in vai("runs").stdout.splitlines())
    assert heading.split() == ["RUN", "KIND", "STATUS", "CREATED", "TOOK", "RETRIES", "OUTCOME"]
    assert "dlt_extract  failed  2026-11-22 10:30:00  -     -        DATA_ERROR: xx" in row
    assert (len(row), row[-1]) == (120, "…")


def test_runs_filters_limits_and_speaks_json(vai: Vai, platform: Any) -> None:
    for _ in range(130):
        platform.add_run(status="failed")
    found = json.loads(vai("runs", "--status", "failed", "--kind", "dlt_extract", "--limit", "120", "--json").stdout)
    assert [run["id"] for run in found] == list(platform.runs)[:9:-1]
    assert vai("runs", "--kind", "noop", "--json").stdout == "[]\n"


def test_actions_are_created_listed_shown_and_run_by_slug(vai: Vai, platform: Any) -> None:
    platform.on_create = klaviyo(platform)
    made = vai("actions", "create", "dlt_extract", "Daily orders", "--slug", "daily", "--set", "source=shopify")
    assert "slug        daily" in made.stdout
    assert vai("actions", "list").stdout.splitlines()[1].split()[:3] == ["daily", "dlt_extract", "active"]
    assert json.loads(vai("actions", "get", "daily", "--json").stdout)["definition"] == {"source": "shopify"}
    (action,) = platform.actions
    assert action in vai("actions", "get", action).stdout
    ran = vai("actions", "run", "daily", "--set", "rows=5")
    assert (ran.exit_code, ran.stdout.count("\n")) == (0, 3)
    assert [run["actionId"] for run in platform.runs.values()] == [action]
    assert platform.requests("POST", "/run")[0].body == {"definitionOverrides": {"rows": 5}}


def test_connections_are_created_listed_and_tested_by_slug(vai: Vai, platform: Any) -> None:
    secret = json.dumps({"token": "s3cret"})
    made = vai("connections", "create", "shopify", "Shop", "--set", "shop=x", "--credentials", "-", input=secret)
    assert made.stdout.split() == [next(iter(platform.connections)), "shop"]
    assert platform.seen[0].body["credentials"] == {"token": "s3cret"}
    assert platform.seen[0].body["config"] == {"shop": "x"}
    assert vai("connections", "list").stdout.splitlines()[1].split()[:3] == ["shop", "shopify", "active"]
    assert vai("connections", "test", "shop").stdout == "works: answered\n"
    platform.add_connection(slug="old", status="error")
    broken = vai("connections", "test", "old")
    assert (broken.exit_code, broken.stdout) == (1, "does not work: 401: the token is not valid\n")
    missing = vai("connections", "test", "nowhere")
    assert (missing.exit_code, "no connection has the slug 'nowhere'" in plain(missing.stderr)) == (2, True)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("approve", "running"),
        ("reject", "rejected"),
        ("cancel", "cancelled"),
        ("pause", "paused"),
        ("resume", "pending"),
    ],
)
def test_a_decision_shows_how_the_run_stands_then(vai: Vai, platform: Any, command: str, shown: str) -> None:
    run = platform.add_run()
    done = vai(command, run["id"])
    assert (done.exit_code, done.stdout) == (0, f"run {run['id']} {shown}\n")
    (decided,) = [seen for seen in platform.seen if seen.method == "POST"]
    assert decided.path.endswith(f"/{run['id']}/{command}")


def test_an_approved_run_that_nobody_has_claimed_yet_is_not_asked_to_be_approved(vai: Vai, platform: Any) -> None:
    run = platform.add_run()
    approved = JSONResponse(run | {"status": "awaiting_approval", "displayStatus": "queued"})
    platform.replies += [JSONResponse(run), approved]
    done = vai("approve", run["id"])
    assert (done.stdout, done.stderr) == (f"run {run['id']} queued\n", "")


def test_a_rejection_carries_its_reason(vai: Vai, platform: Any) -> None:
    vai("reject", platform.add_run()["id"], "--reason", "too dear")
    assert platform.seen[0].body == {"reason": "too dear"}


def test_retry_follows_the_new_run(vai: Vai, platform: Any) -> None:
    platform.on_create = klaviyo(platform)
    old = platform.add_run(status="failed")
    done = vai("retry", old["id"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith(f"run {list(platform.runs)[1]} completed")


def _heeds_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(platform: Any, tmp_path: Path) -> None:
    environment = {**os.environ, "VAI_API_URL": platform.url, "VAI_API_KEY": platform.key}
    command = [sys.executable, "-m", "vai", "run", "dlt_extract"]
    platform.on_create = lambda run: platform.add_log(run, "extraction_started", "Starting")
    # As on a terminal: whoever started these tests in the background has SIGINT ignored, and that is inherited.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _heeds_ctrl_c}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert "Starting" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, noted = process.communicate(timeout=20)
    (run,) = platform.runs.values()
    assert process.returncode == 130
    assert noted.splitlines()[-1] == f"The run goes on: vai logs {run['id']} --follow"
    platform.end(run)


def test_help_and_version_are_there(vai: Vai) -> None:
    assert "approve" in vai("--help").stdout
    assert vai("--version").stdout.startswith("vai ")
