"""What `vai` says when it cannot do what it was told, and where it looks for the platform."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Vai = Callable[..., Result]


def test_without_a_server_it_says_how_to_get_one(vai: Vai, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("VAI_API_URL", url)
    done = vai("run", "noop")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"No answer from {url}: ")
    assert "`make up`" in done.stderr
    assert "VAI_API_URL" in done.stderr


def test_a_wrong_key_says_where_the_key_came_from(vai: Vai, platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAI_API_KEY", "wrong")
    done = vai("runs")
    assert done.exit_code == 2
    assert f"{platform.url} does not accept the API key from VAI_API_KEY." in done.stderr
    assert "wrong" not in done.output
    monkeypatch.delenv("VAI_API_KEY")
    assert "a request without an API key" in vai("runs").stderr


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((404, "run not found"), ["run not found"]),
        ((409, "a completed run cannot be cancelled; allowed: retry"), ["a completed run cannot be cancelled"]),
        ((422, "must be a list", "body", "definition", "resources"), ["definition.resources: must be a list"]),
        ((500, "it is logged"), ["has failed (500)", "it is logged"]),
        ((503, "draining"), ["is busy or starting", "draining"]),
        ((403, "this needs the role operator"), ["may not do this", "this needs the role operator"]),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(vai: Vai, platform: Any, refusal: Any, words: list[str]) -> None:
    platform.refuse(*refusal)
    done = vai("cancel", "497f6eca-6276-4993-bfeb-53cbbbba6f08")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert all(word in done.stderr for word in words)


@pytest.mark.parametrize("names", [("VAI_API_URL", "VAI_API_KEY"), ("api_url", "api_key")])
def test_the_stack_of_the_current_folder_is_taken_without_an_environment(
    vai: Vai, platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    monkeypatch.delenv("VAI_API_URL")
    monkeypatch.delenv("VAI_API_KEY")
    (tmp_path / ".vai").mkdir()
    (tmp_path / ".vai" / "stack.json").write_text(
        json.dumps(dict(zip(names, (platform.url, platform.key), strict=True)))
    )
    assert vai("runs").exit_code == 0
    monkeypatch.setenv("VAI_API_URL", platform.url.replace("127.0.0.1", "localhost"))
    other = vai("runs")
    assert (other.exit_code, "without an API key" in other.stderr) == (2, True), "a stack's key goes to its own address"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VAI_URL", "VAI_API_URL"),
        ("VAI_KEY", "VAI_API_KEY"),
        ("VAI_PROFIL", "VAI_PROFILE"),
    ],
)
def test_a_slip_in_the_environment_is_told_beside_what_was_asked_for(
    vai: Vai, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "x")
    monkeypatch.setenv("VAI_SLOTS", "3")
    done = vai("runs", "--json")
    assert (done.exit_code, done.stderr) == (0, f"{name} is not a setting of vai; did you mean {meant}?\n")
    assert json.loads(done.stdout) == json.loads(vai("runs", "--json").stdout)
