"""A key goes to the address that it was given for, and to no other."""

import json
import os
import stat
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import RedirectResponse
from typer.testing import Result

from vai import AsyncClient, Client, UnexpectedAnswer
from vai.cli.profiles import SettingsError
from vai.cli.settings import Options, find_installation, find_settings, same_address

Vai = Callable[..., Result]
A, B, EVIL = "http://a.example", "https://b.example/vai", "http://evil.example"


def put_stack(folder: Path, **entries: str | None) -> None:
    (folder / ".vai").mkdir(exist_ok=True)
    (folder / ".vai" / "stack.json").write_text(json.dumps(entries))


def put_profiles(folder: Path, current: str | None, **profiles: tuple[str, str | None]) -> None:
    file = folder / "config" / "vai" / "profiles.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    held = {name: {"url": url, "key": key} for name, (url, key) in profiles.items()}
    file.write_text(json.dumps({"current": current, "profiles": held}))
    file.chmod(0o600)


PLACES = [(None, None), (A, None), (A, "key-a"), (B, "key-b"), (EVIL, "key-e"), (EVIL, None), (None, "key-a")]


def test_whatever_is_said_where_a_key_goes_only_to_its_own_address(tmp_path: Path) -> None:
    profiles = {"one": (A, "key-a"), "two": (B, "key-b")}
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    seen = 0
    for option, environment, stack in product(PLACES, PLACES, PLACES):
        for current in (None, "one", "two"):
            put_profiles(tmp_path, current, **profiles)
            put_stack(tmp_path, api_url=stack[0], api_key=stack[1])
            given = {"VAI_API_URL": environment[0] or "", "VAI_API_KEY": environment[1] or ""} | environ
            try:
                found = find_settings(given, tmp_path, Options(*option))
            except SettingsError:
                continue
            if found.api_key is not None:
                seen += 1
                default = (stack[0] or "http://127.0.0.1:8080", stack[1])
                assert (found.api_url, found.api_key) in {option, environment, default, *profiles.values()}
    assert seen > 100


def test_the_key_of_the_environment_does_not_go_where_a_foreign_folder_says(
    vai: Vai, platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_stack(tmp_path, api_url=platform.url)
    monkeypatch.delenv("VAI_API_URL")
    done = vai("runs")
    assert done.exit_code == 2
    assert "VAI_API_KEY is set without VAI_API_URL" in done.stderr
    assert platform.seen == []
    monkeypatch.setenv("VAI_ADMIN_TOKEN", "the-token")
    assert vai("admin", "organisations").exit_code == 2
    assert platform.seen == []


def test_the_token_of_an_installation_goes_to_the_address_that_is_named_or_with_its_own_stack(tmp_path: Path) -> None:
    put_stack(tmp_path, api_url=A, admin_token="of-a", api_key="key")
    none = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_installation(none, tmp_path).api_key == "of-a"
    assert find_installation({**none, "VAI_API_URL": EVIL}, tmp_path).api_key is None
    named = find_installation({**none, "VAI_API_URL": B, "VAI_ADMIN_TOKEN": "of-b"}, tmp_path)
    assert (named.api_url, named.api_key) == (B, "of-b")
    with pytest.raises(SettingsError, match="without an address"):
        find_installation({**none, "VAI_ADMIN_TOKEN": "of-b"}, tmp_path)
    with pytest.raises(SettingsError, match="takes no --key"):
        find_installation(none, tmp_path, Options(A, "key"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_takes_neither_the_key_nor_the_body_along(platform: Any, status: int) -> None:
    calls = 5
    for _ in range(calls):
        platform.replies.append(RedirectResponse(f"{platform.url.replace('127.0.0.1', 'localhost')}/elsewhere", status))
    with Client(platform.url, platform.key) as client:
        for ask in (client.runs.list, lambda: client.runs.create("noop"), lambda: list(client.logs.stream("r"))):
            with pytest.raises(UnexpectedAnswer, match="redirected to"):
                ask()
    async with AsyncClient(platform.url, platform.key) as waiting:
        with pytest.raises(UnexpectedAnswer, match="redirected to"):
            await waiting.runs.create("noop")
        with pytest.raises(UnexpectedAnswer, match="redirected to"):
            _ = [entry async for entry in waiting.logs.stream("r")]
    assert len(platform.seen) == calls


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (A, f"{A}/", True),
        (A, "http://A.example:80", True),
        (A, "https://a.example", False),
        (A, "http://a.example:8080", False),
        (A, "http://a.example.evil.example", False),
        (A, "http://a.example@evil.example", False),
        (B, "https://b.example", False),
        (A, "http://a.example:port", False),
    ],
)
def test_an_address_is_scheme_host_port_and_path(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--key", "secret"], "--key needs --url"),
        (["--profile", "one", "--url", A], "leave --url and --key out"),
        (["--profile", "none"], "There is no profile 'none'"),
    ],
)
def test_options_that_make_no_pair_are_refused(vai: Vai, platform: Any, options: list[str], words: str) -> None:
    done = vai(*options, "runs")
    assert (done.exit_code, words in done.stderr, platform.seen) == (2, True, [])
    assert "secret" not in done.output


def test_options_name_an_address_with_its_key(vai: Vai, platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAI_API_URL", EVIL)
    assert vai("--url", platform.url, "--key", platform.key, "runs").exit_code == 0
    assert vai("--url", platform.url, "--key", "-", "runs", input=platform.key).exit_code == 0
    Path("key").write_text(f"{platform.key}\n")
    assert vai("--url", platform.url, "--key", "@key", "runs").exit_code == 0
    assert "without an API key" in vai("--url", platform.url, "runs").stderr


def test_a_profile_is_kept_privately_and_taken_by_its_name(
    vai: Vai, platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = vai("profile", "add", "prod", "--url", platform.url, "--key", "-", input=platform.key)
    assert added.exit_code == 0
    file = tmp_path / "config" / "vai" / "profiles.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert platform.key not in vai("profile").output + vai("profile", "list", "-o", "json").output + added.output
    monkeypatch.delenv("VAI_API_KEY")
    monkeypatch.setenv("VAI_API_URL", EVIL)
    assert vai("--profile", "prod", "runs").exit_code == 0
    monkeypatch.delenv("VAI_API_URL")
    put_stack(tmp_path, api_url=EVIL, api_key="other")
    assert vai("profile", "use", "prod").exit_code == 0
    told = vai("whoami").stdout
    assert f"{platform.url} (from the profile prod)" in told
    assert "role         admin" in told
    assert vai("profile", "remove", "prod").stdout == "profile prod removed\n"
    assert json.loads(file.read_text()) == {"current": None, "profiles": {}}
    assert vai("profile", "use", "prod").exit_code == 2


def test_a_profile_takes_no_key_from_the_command_line(vai: Vai, tmp_path: Path) -> None:
    done = vai("profile", "add", "prod", "--url", A, "--key", "vai_secret")
    assert done.exit_code == 2
    assert not (tmp_path / "config").exists()


def test_a_file_of_profiles_that_others_may_read_is_refused(vai: Vai, tmp_path: Path, platform: Any) -> None:
    put_profiles(tmp_path, "one", one=(A, "key"))
    file = tmp_path / "config" / "vai" / "profiles.json"
    file.chmod(0o644)
    os.environ.pop("VAI_API_URL", None)
    done = vai("--profile", "one", "runs")
    assert (done.exit_code, f"chmod 600 {file}" in done.stderr) == (2, True)


def test_a_file_of_profiles_that_cannot_be_read_is_told_in_a_line(vai: Vai, tmp_path: Path) -> None:
    put_profiles(tmp_path, None)
    (tmp_path / "config" / "vai" / "profiles.json").write_text('{"profiles": [1]}')
    done = vai("profile")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
