"""`python -m vai_devstack …`, as the Makefile calls it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vai_devstack import __main__ as command_line
from vai_devstack.home import Home
from vai_devstack.lock import is_held
from vai_devstack.servers.process import becomes

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def everything(folder: Home) -> list[int]:
    """The pids of all that a running stack has started."""
    stack = json.loads(folder.stack.read_text())
    services = [pid for service in stack["services"].values() for pid in service["pids"]]
    return [*stack["servers"].values(), *services]


async def test_a_detached_stack_is_found_by_the_next_up_and_stopped_by_down(command: Command, folder: Home) -> None:
    first = command("up", DETACH="1", REPLICAS="extract-worker=2 scheduler=0")
    assert first.returncode == 0, first.stdout
    stack = json.loads(folder.stack.read_text())
    assert len(stack["services"]["extract-worker"]["pids"]) == 2
    assert stack["services"]["scheduler"] == {"pids": [], "metrics": [], "addresses": []}

    second = command("up")
    assert second.returncode == 0
    assert second.stdout.strip() in first.stdout
    assert stack["api_key"] in second.stdout

    shown = command("status").stdout
    assert shown.count("extract-worker") == 2
    assert f"127.0.0.1:{stack['api_url'].rpartition(':')[2]}" in shown

    started = everything(folder)
    assert command("down").returncode == 0
    assert all(map(gone, started))
    assert not folder.stack.exists()
    assert "no stack runs" in command("down").stdout


async def test_data_and_key_are_kept_until_clean(command: Command, folder: Home) -> None:
    command("up", DETACH="1")
    before = json.loads(folder.stack.read_text())
    command("down")
    command("up", DETACH="1")
    after = json.loads(folder.stack.read_text())
    kept = ("api_key", "org_id", "database", "api_url", "kafka")

    assert [before[name] for name in kept] == [after[name] for name in kept]
    assert "migrating" not in folder.log("supervisor").read_text()
    command("down")


async def test_the_doctor_looks_at_the_stack_that_runs(command: Command, folder: Home) -> None:
    """The services are stand-ins that register nowhere: so nobody serves the kinds, and all else is well."""
    assert "there is no installation to look at" in command("doctor").stderr
    command("up", DETACH="1")
    found = command("doctor")
    told = json.loads(command("doctor", JSON="1").stdout)
    command("down")
    assert found.returncode == 1
    assert [line for line in found.stdout.splitlines() if not line.startswith("ok ")] == [
        line for line in found.stdout.splitlines() if line.startswith("WRONG  workers: no live worker serves")
    ]
    assert [one["check"] for one in told if not one["ok"]] == ["workers"]


async def test_nothing_outlives_a_killed_supervisor_and_the_next_start_is_well(command: Command, folder: Home) -> None:
    command("up", DETACH="1")
    started = everything(folder)
    os.kill(json.loads(folder.stack.read_text())["supervisor"], signal.SIGKILL)

    assert await becomes(lambda: all(map(gone, started)), 10)
    assert "no stack runs" in command("status").stdout
    assert command("up", DETACH="1").returncode == 0
    assert command("down").returncode == 0


async def test_a_service_that_is_killed_is_shown_and_started_again(command: Command, folder: Home) -> None:
    command("up", DETACH="1")
    (pid,) = json.loads(folder.stack.read_text())["services"]["watchdog"]["pids"]
    log = folder.log("supervisor")
    os.kill(pid, signal.SIGKILL)

    assert await becomes(lambda: "watchdog is ready again" in log.read_text(), 20)
    assert "watchdog was ended by SIGKILL; starting it again" in log.read_text()
    assert json.loads(folder.stack.read_text())["services"]["watchdog"]["pids"] != [pid]
    command("down")


@pytest.mark.parametrize("detach", ["", "1"])
async def test_a_failed_start_shows_the_end_of_the_log_and_stops_the_rest(
    command: Command, folder: Home, detach: str
) -> None:
    failed = command("up", DETACH=detach, STAND_IN_FAILS="vai_scheduler")

    assert failed.returncode == 1
    assert "stand-in: the setting FOO is missing" in failed.stdout, failed
    assert "scheduler ended with code 3 before it was ready" in failed.stdout
    assert f"What to do: The whole log: {folder.log('scheduler')}" in failed.stdout
    assert not is_held(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stack_in_the_foreground_stops_cleanly_on_a_signal(
    command: Command, folder: Home, stand_ins: str, number: signal.Signals
) -> None:
    environment = {**os.environ, "PYTHONPATH": stand_ins, "VAI_HOME": str(folder.root), "DETACH": ""}
    line = (sys.executable, "-m", "vai_devstack", "up")
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as up:  # noqa: ASYNC220
        assert await becomes(lambda: folder.stack.exists() or up.poll() is not None, 60)
        started = everything(folder)
        up.send_signal(number)
        said = up.communicate(timeout=40)[0]

    assert up.returncode == 0
    assert "Ctrl-C stops it" in said
    assert all(map(gone, started))


async def test_two_stacks_do_not_disturb_each_other_and_clean_erases_one(
    command: Command, folder: Home, tmp_path: Path
) -> None:
    other = Home.of(tmp_path / "other")
    command("up", DETACH="1")
    command("up", DETACH="1", VAI_HOME=str(other.root))
    one, two = json.loads(folder.stack.read_text()), json.loads(other.stack.read_text())

    assert all(one[name] != two[name] for name in ("api_url", "api_key", "kafka", "database", "lake"))
    command("clean", VAI_HOME=str(other.root))
    assert not other.root.exists()
    assert not any(map(gone, everything(folder)))
    command("down")


def test_logs_of_a_service_end_with_what_it_said_last(command: Command, folder: Home) -> None:
    folder.make()
    folder.log("scheduler").write_text("".join(f"line {number}\n" for number in range(100)))
    folder.log("scheduler-2").write_text("the second\n")

    shown = command("logs", SERVICE="scheduler").stdout

    assert "line 99" in shown
    assert "line 9\n" not in shown
    assert "the second" in shown


def test_logs_of_something_unknown_say_what_there_is(command: Command, folder: Home) -> None:
    folder.make()
    folder.log("scheduler").touch()

    shown = command("logs", SERVICE="foo")

    assert shown.returncode == 1
    assert "There are: " in shown.stderr


def test_replicas_of_an_unknown_service_are_refused_before_anything_starts(command: Command, folder: Home) -> None:
    refused = command("up", REPLICAS="worker=2")

    assert refused.returncode == 1
    assert "REPLICAS names 'worker', which is no service" in refused.stderr


def test_an_unknown_command_is_told_the_known_ones(command: Command) -> None:
    assert "up|supervise|down" in command("start").stderr


@pytest.mark.parametrize(
    ("platform", "version", "said"),
    [("darwin", (3, 12), "runs on Linux only"), ("linux", (3, 9), "Python 3.11 or later is needed")],
)
def test_what_is_missing_on_the_machine_gets_a_clear_message(
    platform: str,
    version: tuple[int, int],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "version_info", version)

    assert command_line.main(["up"]) == 1
    assert said in capsys.readouterr().err
