"""`vai automations` against a server on a real socket."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from typer.testing import Result

Vai = Callable[..., Result]
STEPS = [
    {"key": "extract", "action": {"kind": "dlt_extract"}, "depends_on": [], "condition": {"type": "on_success"}},
    {"key": "gate", "action": {"kind": "approval_gate"}, "depends_on": ["extract"], "condition": {"type": "always"}},
    {
        "key": "tell",
        "action": {"kind": "http_request"},
        "depends_on": [{"step": "gate", "port": "approved"}],
        "condition": {"type": "on_success"},
    },
]


@pytest.fixture
def automation(platform: Any) -> Any:
    return platform.add_automation(slug="daily", steps=STEPS, trigger={"type": "schedule", "schedule": "0 6 * * *"})


def await_approval(platform: Any, run: Any, key: str) -> None:
    platform.move(run, key, "running")
    run["actionRuns"][0]["status"] = "awaiting_approval"
    next(step for step in run["steps"] if step["key"] == key)["state"] = "awaiting_approval"


def works(platform: Any, status: str = "completed", **values: Any) -> Callable[[Any], None]:
    """What an automation run does once it is made."""

    def work(run: Any) -> None:
        platform.move(run, "extract", "running")
        platform.move(run, "extract", "completed")
        platform.move(run, "gate", "running")
        platform.move(run, "gate", "completed", port="rejected")
        platform.move(run, "tell", "skipped", reason="gate went on by its port rejected")
        platform.end(run, status, completedAt="2026-11-22T10:30:04Z", **values)

    return work


def test_an_automation_is_saved_from_a_file_or_the_standard_input(vai: Vai, platform: Any, tmp_path: Path) -> None:
    body = {"name": "Daily", "slug": "daily", "steps": STEPS}
    (tmp_path / "daily.json").write_text(json.dumps(body))
    done = vai("automations", "create", "daily.json")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-3:] == [
        "  · extract   dlt_extract",
        "    · gate    approval_gate    in any case after extract",
        "      · tell  http_request     after gate (approved)",
    ]
    assert platform.seen[0].body == body
    again = vai("automations", "create", "-", "--json", input=json.dumps(body | {"slug": "other"}))
    assert json.loads(again.stdout)["slug"] == "other"
    assert json.loads(vai("automations", "validate", "daily.json").stdout)["valid"] is True


def test_what_cannot_work_yet_is_printed_beside_the_output(vai: Vai, platform: Any, tmp_path: Path) -> None:
    warning = {"loc": ["body", "steps", 1, "action", "kind"], "msg": "file_sync cannot be run", "type": "not_available"}
    body = json.dumps({"name": "Daily", "slug": "daily", "steps": STEPS, "warnings": [warning]})
    for command in ("create", "validate"):
        done = vai("automations", command, "-", input=body)
        assert done.exit_code == 0
        assert "warning: steps.1.action.kind: file_sync cannot be run" in done.stderr.replace("\n", " ")


def test_a_secret_that_the_platform_has_made_is_shown_once(vai: Vai, platform: Any) -> None:
    body = json.dumps({"slug": "hooked", "steps": STEPS, "trigger": {"type": "webhook", "path": "/orders"}})
    done = vai("automations", "create", "-", input=body)
    assert done.stdout.splitlines()[-1] == "secret      whsec_made"
    assert "not shown again" in done.stderr
    assert "whsec_made" not in vai("automations", "show", "hooked").output


def test_what_is_wrong_with_a_file_is_told_with_its_place(vai: Vai, platform: Any) -> None:
    platform.refuse(422, "there is no step 'x'", "body", "steps", 1, "depends_on", 0)
    done = vai("automations", "create", "-", input="{}")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "steps.1.depends_on.0: there is no step 'x'" in done.stderr
    assert vai("automations", "create", "missing.json").exit_code == 2


@pytest.mark.parametrize("command", [[], ["list"]])
def test_automations_are_listed(vai: Vai, platform: Any, automation: Any, command: list[str]) -> None:
    heading, row = vai("automations", *command).stdout.splitlines()
    assert heading.split() == ["SLUG", "STATUS", "TRIGGER", "NEXT", "LATEST", "RUN", "NAME", "ID"]
    assert row.split() == [
        "daily",
        "active",
        *["schedule", "0", "6", "*", "*", "*"],
        "-",
        "-",
        "Daily",
        automation["id"],
    ]


def test_an_automation_is_shown_changed_paused_resumed_and_deleted(vai: Vai, platform: Any, automation: Any) -> None:
    assert json.loads(vai("automations", "show", automation["id"], "--json").stdout) == automation
    assert "name        New" in vai("automations", "update", "daily", "-", input='{"name": "New"}').stdout
    assert vai("automations", "pause", "daily").stdout == "automation daily paused\n"
    assert vai("automations", "resume", "daily").stdout == "automation daily active\n"
    assert vai("automations", "delete", "daily").stdout == "automation daily deleted\n"
    gone = vai("automations", "show", "daily")
    assert (gone.exit_code, gone.stderr) == (2, "automation not found\n")


def test_a_trigger_shows_each_change_of_a_step_and_how_they_stand_in_the_end(
    vai: Vai, platform: Any, automation: Any
) -> None:
    platform.on_create = works(platform)
    done = vai("automations", "trigger", "daily", "--set", "day=monday", "--set", "most.rows=3")
    (run,) = platform.automation_runs
    assert done.stdout.splitlines() == [
        "10:30:00 [info] step_started - extract running",
        "10:30:01 [info] step_completed - extract completed",
        "10:30:02 [info] step_started - gate running",
        "10:30:03 [info] step_completed - gate completed",
        "10:30:04 [info] step_skipped - tell skipped",
        f"automation run {run} completed in 4.0s",
        "  ✓ extract   dlt_extract    3.0s",
        "    ✓ gate    approval_gate  3.0s  in any case after extract · ended by rejected",
        "      » tell  http_request         skipped: gate went on by its port rejected",
    ]
    assert (done.exit_code, done.stderr) == (0, f"automation run {run}\n")
    assert platform.requests("POST", "/trigger")[0].body == {"inputs": {"day": "monday", "most": {"rows": 3}}}


def test_an_automation_run_that_fails_ends_with_1_and_says_what_to_type(
    vai: Vai, platform: Any, automation: Any
) -> None:
    error = {"code": "DATA_ERROR", "message": "step gate: no", "details": {}, "retryable": False, "step": "gate"}
    platform.on_create = works(platform, "failed", error=error)
    done = vai("automations", "trigger", automation["id"], "--json")
    (run,) = platform.automation_runs
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (1, "failed")
    assert platform.requests("POST", "/trigger")[0].headers["prefer"] == "wait=60"
    again = vai("automations", "retry", run, "--latest")
    assert again.exit_code == 1
    assert platform.requests("POST", "/retry")[0].body == {"version": "latest"}
    assert "failed in 4.0s: DATA_ERROR: step gate: no" in again.stdout
    assert f"vai automations retry {list(platform.automation_runs)[1]}" in again.stderr


def test_no_follow_only_starts_it_and_says_how_to_follow(vai: Vai, platform: Any, automation: Any) -> None:
    done = vai("automations", "trigger", "daily", "--no-follow")
    (run,) = platform.automation_runs
    assert (done.exit_code, done.stdout) == (0, f"automation run {run} running\n")
    assert done.stderr == f"The automation run goes on: vai automations follow {run}\n"
    works(platform)(platform.automation_runs[run])
    followed = vai("automations", "follow", run)
    assert (followed.exit_code, len(followed.stdout.splitlines())) == (0, 9)


def test_wait_leaves_an_automation_run_that_goes_on_with_3(vai: Vai, platform: Any, automation: Any) -> None:
    assert vai("automations", "trigger", "daily", "--wait", "0.3").exit_code == 3


def test_a_gate_says_what_to_type_once(vai: Vai, platform: Any, automation: Any) -> None:
    looks = iter(range(40))

    platform.on_create = lambda run: await_approval(platform, run, "gate")
    platform.on_look = lambda run: platform.end(run) if next(looks, None) is None else None
    done = vai("automations", "trigger", "daily")
    assert done.stderr.count("gate: It waits for approval: vai approve run-of-gate (or: vai reject run-of-gate)") == 1


def test_on_a_terminal_the_steps_that_are_under_way_are_drawn_below(
    vai: Vai, platform: Any, automation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    looks = iter(range(60))
    platform.on_create = lambda run: platform.move(run, "extract", "running")
    platform.on_look = lambda run: platform.end(run) if next(looks, None) is None else None
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", vai("automations", "trigger", "daily").stdout)
    assert "extract (dlt_extract) running" in drawn


def test_a_step_that_awaits_approval_is_shown_as_that(vai: Vai, platform: Any, automation: Any) -> None:
    platform.on_create = lambda run: await_approval(platform, run, "gate")
    drawn = vai("automations", "trigger", "daily", "--wait", "0.3").stdout
    assert re.search(r"\? gate .*awaits approval", drawn), drawn
    assert "▶" not in drawn


def test_automation_runs_are_listed_of_all_or_of_one(vai: Vai, platform: Any, automation: Any) -> None:
    run = platform.add_automation_run(automation)
    works(platform)(run)
    other = platform.add_automation_run(platform.add_automation(slug="other"))
    heading, *rows = vai("automations", "runs").stdout.splitlines()
    assert heading.split() == ["RUN", "STATUS", "TRIGGER", "CREATED", "TOOK", "STEPS", "OUTCOME"]
    assert [row.split()[0] for row in rows] == [other["runId"], run["runId"]]
    found = json.loads(vai("automations", "runs", "daily", "--status", "completed", "--json").stdout)
    assert [each["runId"] for each in found] == [run["runId"]]


def test_labels_are_given_shown_and_filtered_by(vai: Vai, platform: Any, automation: Any) -> None:
    automation["labels"] = {"team": "finance", "tier": "gold"}
    automation["nextRuns"] = ["2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z"]
    (following,) = [line for line in vai("automations", "show", "daily").stdout.splitlines() if "next" in line]
    assert following.count("2026-01-0") == 2
    assert "team=finance tier=gold" in vai("automations", "show", "daily").stdout
    assert vai("automations", "trigger", "daily", "--label", "day=1", "--no-follow").exit_code == 0
    assert platform.seen[-1].body == {"labels": {"day": "1"}}
    for command in ("list", "runs"):
        assert vai("automations", command, "--label", "team=finance", "--label", "tier").exit_code == 0
        assert [value for name, value in platform.seen[-1].query if name == "label"] == ["team=finance", "tier"]


def test_past_times_are_made_up_for_or_only_shown(vai: Vai, platform: Any, automation: Any) -> None:
    command = ("automations", "backfill", "daily", "--since", "2026-01-01T00:00:00Z")
    shown = vai(*command, "--until", "2026-01-03T01:00:00+01:00", "--dry-run", "--label", "why=outage")
    times = {"since": "2026-01-01T00:00:00+00:00", "until": "2026-01-03T00:00:00+00:00"}
    assert platform.seen[-1].body == {**times, "dryRun": True, "labels": {"why": "outage"}}
    assert ["would be made" in line for line in shown.stdout.splitlines()] == [False, False, True]
    assert "2 times, 1 automation run would be made; nothing was" in shown.stderr
    done = vai(*command)
    assert platform.seen[-1].body == {"since": "2026-01-01T00:00:00+00:00"}
    assert ["run-1" in done.stdout, "run-2" in done.stdout, "there already" in done.stdout] == [True] * 3
    assert json.loads(vai(*command, "--json").stdout)["made"] == 1
    assert vai("automations", "backfill", "daily").exit_code == 2
    assert vai("automations", "backfill", "daily", "--since", "soon").exit_code == 2


def test_versions_are_listed_compared_and_restored_by_their_numbers(vai: Vai, platform: Any, automation: Any) -> None:
    automation["versionId"] = "v2"
    heading, *rows = vai("automations", "versions", "daily").stdout.splitlines()
    assert heading.split() == ["NUMBER", "CREATED", "STEPS", "ID"]
    assert [(row.split()[0], row.split()[-1], "now" in row) for row in rows] == [("2", "v2", True), ("1", "v1", False)]
    shown = vai("automations", "diff", "daily")
    assert platform.seen[-1].path.endswith("/versions/v2/difference")
    assert shown.stdout.splitlines() == [
        "~ steps.load.definition.sql:",
        "      a",
        "    - b",
        "    + c",
        '+ inputs.day: {"type": "string"}',
        "~ steps.call: a secret, which has changed",
        "~ max_parallel: 1 → 3",
    ]
    assert "4 changes from version 1 to version 2" in shown.stderr
    assert json.loads(vai("automations", "diff", "daily", "2", "1", "--json").stdout)["version"]["number"] == 2
    assert platform.seen[-1].path.endswith("/versions/v1/difference")
    assert platform.seen[-1].query == [("base", "v2")]
    assert "version 1" in vai("automations", "restore", "daily", "1").stdout
    assert platform.seen[-1].path.endswith("/versions/v1/restore")
    gone = vai("automations", "restore", "daily", "3")
    assert (gone.exit_code, "2 versions" in gone.stderr) == (2, True)


def test_a_graph_is_printed_as_mermaid_or_written_as_svg(
    vai: Vai, platform: Any, automation: Any, tmp_path: Path
) -> None:
    run = platform.add_automation_run(automation)
    assert vai("automations", "graph", "daily").stdout == "flowchart TD\n  n0[automations]\n"
    assert vai("automations", "graph", automation["id"]).stdout == "flowchart TD\n  n0[automations]\n"
    assert vai("automations", "graph", run["runId"], "--svg", "run.svg").stdout == "run.svg\n"
    assert (tmp_path / "run.svg").read_text().startswith("<svg")
    assert vai("automations", "graph", run["runId"], "--svg", "no/such/folder.svg").exit_code == 2


@pytest.mark.parametrize(
    ("edges", "name", "is_told"),
    [(500, "a", False), (501, "a", True), (3, "a" * 50_000, True), (3, "-->" * 900, False)],
)
def test_a_graph_that_mermaid_does_not_draw_by_itself_is_printed_with_what_to_do(
    vai: Vai, platform: Any, automation: Any, edges: int, name: str, is_told: bool
) -> None:
    lines = ["flowchart TD", f'  n0["{name}"]', *[f"  n0 {'-.->' if n % 2 else '-->'} n{n}" for n in range(edges)]]
    platform.replies.append(PlainTextResponse("\n".join(lines) + "\n"))
    done = vai("automations", "graph", automation["id"])
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "flowchart TD")
    assert ("raise maxEdges and maxTextSize there, or use --svg FILE" in " ".join(done.stderr.split())) is is_told


def test_an_automation_run_is_retried_from_a_step(vai: Vai, platform: Any, automation: Any) -> None:
    run = platform.add_automation_run(automation)
    assert vai("automations", "retry", run["runId"], "--from", "load", "--no-follow").exit_code == 0
    assert platform.seen[-1].body == {"fromStep": "load"}


def test_an_automation_run_is_cancelled(vai: Vai, platform: Any, automation: Any) -> None:
    run = platform.add_automation_run(automation)["runId"]
    done = vai("automations", "cancel", run)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"automation run {run} cancelled")


def test_an_automation_run_that_is_scheduled_is_started_now(vai: Vai, platform: Any, automation: Any) -> None:
    run = platform.add_automation_run(automation, displayStatus="scheduled")["runId"]
    done = vai("automations", "execute", run)
    assert (done.exit_code, done.stdout) == (0, f"automation run {run} queued\n")


@pytest.fixture
def asking(platform: Any) -> Any:
    inputs = {"token": {"type": "secret", "required": True}, "day": {"type": "string"}}
    return platform.add_automation(slug="daily", steps=STEPS, inputs=inputs)


def test_a_secret_input_comes_of_a_file_or_a_pipe(vai: Vai, platform: Any, asking: Any, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("t0ken-4711\n")
    given = ("automations", "trigger", "daily", "--set", "day=monday", "--no-follow")
    assert vai(*given, "--secret", "token=@token.txt").exit_code == 0
    assert vai(*given, "--secret", "token=-", input="t0ken-4711\n").exit_code == 0
    assert vai(*given, "--secret", "token", input="t0ken-4711").exit_code == 0
    sent = [request.body["inputs"] for request in platform.requests("POST", "/trigger")]
    assert sent == [{"day": "monday", "token": "t0ken-4711"}] * 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--set", "token=t0ken-4711"), "give --secret token"),
        (("--set", "token=@@4711"), "give --secret token"),
        (("--secret", "token=t0ken-4711"), "token=@FILE"),
        (("--secret", "day"), "'day' is no secret input; there are token"),
    ],
)
def test_a_secret_input_never_stands_on_the_command_line(
    vai: Vai, platform: Any, asking: Any, options: tuple[str, ...], said: str
) -> None:
    done = vai("automations", "trigger", "daily", *options)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert "4711" not in done.output
    assert not platform.requests("POST", "/trigger")
