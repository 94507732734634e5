"""Every noun has its verbs, every command its forms of output, every list fits the terminal."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml  # type: ignore[import-untyped]
from starlette.responses import JSONResponse
from typer.testing import Result

from libs.client.tests.people_server import ADA, ORG, api_key
from libs.client.tests.server import TOKEN
from vai.cli import app

Vai = Callable[..., Result]
LISTS = (
    "runs",
    "actions",
    "connections",
    "automations",
    "users",
    "keys",
    "kinds",
    "templates",
    "sources",
    "models",
    "agents",
    "agents runs",
    "automations runs",
)


def commands(group: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with what one types for it."""
    for name, found in (group or typer.main.get_command(app)).commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, (*words, name))
        else:
            yield (*words, name), found


def plain(text: str) -> str:
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)


def test_every_command_prints_for_people_and_for_programs() -> None:
    for words, command in commands():
        options = {option for each in command.params for option in each.opts}
        assert {"-o", "--output", "--json"} <= options, words


@pytest.mark.parametrize(
    ("noun", "verbs"),
    [
        ("runs", "list show get delete logs approve reject cancel pause resume retry execute"),
        ("actions", "list show get create update delete run logs"),
        ("connections", "list show get create update delete test"),
        ("automations", "list show get create update delete validate pause resume trigger runs follow graph"),
        ("users", "list show invite accept update delete"),
        ("keys", "list show create revoke delete"),
        ("organisation", "show update"),
        ("kinds", "list show"),
        ("templates", "list show"),
        ("sources", "list show"),
        ("artifacts", "list show download share"),
        ("datasets", "list show get preview profile download versions lineage"),
        ("models", "list"),
        ("agents", "list show get create update delete runs transcript"),
        ("profile", "list add use remove"),
        ("admin organisations", "list show create update"),
    ],
)
def test_every_noun_has_its_verbs(noun: str, verbs: str) -> None:
    there = {words[-1] for words, _ in commands() if words[:-1] == tuple(noun.split())}
    assert set(verbs.split()) <= there


def fill(platform: Any) -> None:
    platform.add_run(status="failed", error={"code": "AUTH_ERROR", "message": "x" * 90, "details": {}})
    platform.add_action(name="Orders of the whole world, once a day", slug="orders-of-the-whole-world")
    platform.add_connection(name="The shop " * 5)
    platform.add_automation_run(platform.add_automation(trigger={"type": "schedule", "schedule": "0 6 * * *"}))


@pytest.mark.parametrize("width", [72, 50])
@pytest.mark.parametrize("noun", LISTS)
def test_a_list_fits_a_narrow_terminal_and_its_id_stays_whole(
    vai: Vai, platform: Any, monkeypatch: pytest.MonkeyPatch, noun: str, width: int
) -> None:
    fill(platform)
    ids = json.loads(vai(*noun.split(), "--json").stdout)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in vai(*noun.split()).stdout.splitlines()]
    assert [len(line) for line in lines if len(line) > width] == []
    assert len(lines) == 2
    assert (ids[0].get("runId") or ids[0].get("id") or ids[0]["name"]) in lines[1]


@pytest.mark.parametrize("noun", [*LISTS, "organisation", "whoami"])
def test_a_noun_alone_lists_and_says_the_same_in_every_form(vai: Vai, platform: Any, noun: str) -> None:
    fill(platform)
    words = noun.split()
    assert vai(*words).exit_code == 0
    shown = json.loads(vai(*words, "-o", "json").stdout)
    assert shown == json.loads(vai(*words, "--json").stdout)
    assert yaml.safe_load(vai(*words, "-o", "yaml").stdout) == shown


def test_a_run_is_shown_and_deleted_by_how_its_id_begins(vai: Vai, platform: Any) -> None:
    run = platform.add_run(id="01a222bc-0000-7000-8000-000000000001", definition={"source": "noop"})
    other = platform.add_run(id="01a333bc-0000-7000-8000-000000000001")
    shown = vai("show", "01a222bc")
    assert shown.exit_code == 0
    assert run["id"] in shown.stdout
    assert '"source": "noop"' in shown.stdout
    assert json.loads(vai("runs", "get", "01A222BC", "--json").stdout)["id"] == run["id"]
    assert vai("logs", "01a333bc-0").exit_code == 0
    assert vai("cancel", "01a222bc").stdout.startswith(f"run {run['id']} cancelled")
    assert vai("runs", "delete", "01a333bc").stdout == f"run {other['id']} deleted\n"
    assert platform.seen[-1].path.endswith(other["id"])


def test_a_beginning_that_is_not_one_id_changes_nothing(vai: Vai, platform: Any) -> None:
    made = [platform.add_run(id=f"01a222bc-0000-7000-8000-00000000000{each}")["id"] for each in range(9)]
    done = vai("cancel", "01a222bc")
    assert done.exit_code == 2
    assert "9 runs have an id that begins with 01a222bc; give more of it" in plain(done.stderr)
    assert made[-1] in done.stderr
    missing = vai("cancel", "deadbeef")
    assert (missing.exit_code, "begins with deadbeef" in plain(missing.stderr)) == (2, True)
    assert platform.requests("POST") == []


def test_a_slug_that_looks_like_a_beginning_is_a_slug_first(vai: Vai, platform: Any) -> None:
    named = platform.add_action(slug="deadbeef")
    platform.add_action(id="deadbeef-0000-7000-8000-000000000001", slug="other")
    assert json.loads(vai("actions", "show", "deadbeef", "--json").stdout)["id"] == named["id"]
    assert json.loads(vai("actions", "show", "deadbeef-0", "--json").stdout)["slug"] == "other"


def test_an_action_is_changed_and_deleted(vai: Vai, platform: Any) -> None:
    platform.add_action(slug="daily", definition={"source": "shopify", "rows": 1})
    assert vai("actions", "update", "daily", "--name", "New", "--set", "rows=2").exit_code == 0
    assert platform.requests("PATCH")[0].body == {"name": "New", "definition": {"source": "shopify", "rows": 2}}
    assert vai("actions", "delete", "daily").stdout == "action daily deleted\n"
    assert platform.actions == {}


def test_a_connection_is_shown_changed_and_deleted(vai: Vai, platform: Any) -> None:
    platform.add_connection(slug="shop", config={"shop": "x"})
    assert "credentials kept" in plain(vai("connections", "show", "shop").stdout)
    Path("new.json").write_text('{"token": "t"}')
    vai("connections", "update", "shop", "--set", "region=eu", "--credentials", "new.json", "--max-running", "0")
    sent = {"config": {"shop": "x", "region": "eu"}, "credentials": {"token": "t"}, "maxRunning": None}
    assert platform.requests("PATCH")[0].body == sent
    assert vai("connections", "delete", "shop").stdout == "connection shop deleted\n"


@pytest.mark.parametrize("text", ['{"token": "X"}', ' {"token": "X"}', '["X"]'])
@pytest.mark.parametrize("command", [["create", "shopify", "Shop"], ["update", "shop"]])
def test_credentials_on_the_command_line_are_refused(vai: Vai, platform: Any, command: list[str], text: str) -> None:
    done = vai("connections", *command, "--credentials", text)
    assert (done.exit_code, platform.seen) == (2, [])
    assert "write it into a file" in plain(done.stderr)
    assert "X" not in re.sub(r"(?i)usage.*", "", done.stderr)


def test_a_value_comes_from_a_file_as_it_is(vai: Vai, platform: Any) -> None:
    Path("file.sql").write_text("SELECT 1\n")
    vai("run", "duckdb_transform", "--no-follow", "--set", "sql=@file.sql", "--set", "to=@@somebody", "--set", "n=3")
    assert platform.seen[0].body["definition"] == {"sql": "SELECT 1\n", "to": "@somebody", "n": 3}
    missing = vai("run", "noop", "--set", "sql=@nowhere.sql")
    assert (missing.exit_code, "nowhere.sql" in missing.stderr, len(platform.seen)) == (2, True, 1)


def test_people_are_invited_shown_changed_and_removed(vai: Vai, platform: Any) -> None:
    invited = vai("users", "invite", "bob@example.com", "--role", "operator")
    assert "token       inv_1" in invited.stdout
    assert "not shown again" in invited.stderr
    assert platform.requests("POST")[0].body == {"email": "bob@example.com", "role": "operator"}
    assert "ada@example.com" in vai("users", "show", "ADA@example.com").stdout
    assert vai("users", "update", ADA[:12], "--role", "viewer", "--first-name", "").exit_code == 0
    assert platform.requests("PATCH")[0].body == {"role": "viewer", "firstName": None}
    assert vai("users", "delete", ADA).stdout == "user ada@example.com deleted\n"
    accepted = vai("users", "accept", input="inv_1\na good password\n")
    assert accepted.exit_code == 2, "the server of these tests asks everybody for a key"
    assert platform.seen[-1].body == {"token": "inv_1", "password": "a good password"}
    assert "authorization" not in platform.seen[-1].headers


def test_keys_are_made_shown_and_revoked(vai: Vai, platform: Any) -> None:
    made = vai("keys", "create", "cron", "--role", "operator", "--expires", "2027-01-01")
    assert "vai_the_key" in made.stdout
    assert platform.seen[0].body == {"name": "cron", "role": "operator", "expiresAt": "2027-01-01T00:00:00+00:00"}
    for name in ("cron", api_key()["prefix"], api_key()["id"][:10], api_key()["id"]):
        assert api_key()["id"] in vai("keys", "show", name).stdout
    assert vai("keys", "revoke", "cron").stdout == f"API key {api_key()['id']} revoked\n"
    assert vai("keys", "revoke", "nobody").exit_code == 2


def test_the_organisation_is_changed_and_kinds_are_explained(vai: Vai, platform: Any) -> None:
    vai("organisation", "update", "--name", "New", "--set", "max_running=20")
    assert platform.requests("PATCH")[0].body == {"name": "New", "settings": {"max_running": 20}}
    assert '"type": "object"' in vai("kinds", "show", "dlt_extract").stdout
    assert '"source": "sample"' in vai("templates", "show", "orders").stdout
    assert vai("kinds", "show", "nothing").exit_code == 2
    models = vai("models")
    assert all(word in models.stdout for word in ("openai/gpt-5", "1.25", "10", "default"))
    assert all(word in models.stderr for word in ("local: is away", "1,200 tokens", "left: 1.5000 US dollars"))
    told = vai("sources", "show", "sample", "--schema").stdout
    assert all(word in told for word in ("credentials", "token", "orders", "XS", '"type": "object"'))


def test_an_installation_makes_and_lists_organisations_with_its_own_token(
    vai: Vai, platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = vai("admin", "organisations")
    assert (without.exit_code, platform.seen) == (2, [])
    assert "VAI_ADMIN_TOKEN" in without.stderr
    monkeypatch.setenv("VAI_ADMIN_TOKEN", TOKEN)
    made = vai("admin", "organisations", "create", "acme", "Acme", "--administrator", "ada@example.com")
    assert "token       inv_1" in made.stdout
    assert platform.seen[0].body == {"slug": "acme", "name": "Acme", "administrator": {"email": "ada@example.com"}}
    assert vai("admin", "organisations").stdout.splitlines()[1].split() == ["acme", "Acme", ORG]
    assert vai("admin", "organisations", "update", "acme", "--set", "max_running=5").exit_code == 0
    assert platform.requests("PATCH")[0].path.endswith(ORG)
    assert TOKEN not in made.output


def test_a_wrong_base_path_names_the_address(vai: Vai, platform: Any) -> None:
    platform.replies.append(JSONResponse({"detail": "Not Found"}, 404))
    done = vai("runs")
    assert done.exit_code == 2
    assert f"{platform.url} answers, but has no /api/v1/action-runs" in done.stderr
    assert "this one is from VAI_API_URL" in done.stderr


def test_completion_can_be_installed(vai: Vai) -> None:
    assert "--install-completion" in vai("--help").stdout


def test_amounts_of_one_are_not_plural(vai: Vai, platform: Any) -> None:
    platform.add_run(status="completed", result={"recordsProcessed": 1, "tables": ["orders"]})
    assert vai("runs").stdout.splitlines()[1].endswith("1 record · table orders")


def vai_process(platform: Any, folder: Path, *words: str, **how: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "VAI_API_URL": platform.url, "VAI_API_KEY": platform.key}
    command = [sys.executable, "-m", "vai", *words]
    return subprocess.Popen(command, env=environment, cwd=folder, text=True, stderr=subprocess.PIPE, **how)


@pytest.mark.parametrize(
    "words", [["runs"], ["runs", "--json"], ["run", "noop"], ["--help"], ["runs", "-h"], ["--version"]]
)
def test_a_full_disk_is_told_in_one_line(platform: Any, tmp_path: Path, words: list[str]) -> None:
    platform.on_create = platform.end
    with Path("/dev/full").open("w") as full, vai_process(platform, tmp_path, *words, stdout=full) as process:
        assert process.stderr is not None
        noted = process.stderr.read().splitlines()
    assert process.returncode == 2
    assert noted[-1] == "The output cannot be written: No space left on device"
    assert len(noted) <= 2


def test_a_reader_that_has_gone_is_no_error_to_talk_about(platform: Any, tmp_path: Path) -> None:
    run = platform.add_run(status="completed")
    for place in range(3000):
        platform.add_log(run, "tick", f"{place}" * 20)
    with vai_process(platform, tmp_path, "logs", run["id"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["runs"]])
def test_a_pipe_that_nobody_reads_ends_every_command_alike(platform: Any, tmp_path: Path, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with vai_process(platform, tmp_path, *words, stdout=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 141
