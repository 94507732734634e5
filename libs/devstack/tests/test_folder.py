"""The stack's folder: secrets, lock, ports."""

import json
import socket
import stat
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from vai_devstack.errors import StackError
from vai_devstack.home import Home, load_secrets
from vai_devstack.lock import FolderLock, holder, is_held
from vai_devstack.servers.ports import PortBook, is_free, random_base


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_look_into_the_folder_and_the_secrets(home: Home) -> None:
    load_secrets(home)

    assert mode(home.root) == 0o700
    assert mode(home.secrets) == 0o600


def test_secrets_stay_the_same_between_starts(home: Home) -> None:
    assert load_secrets(home) == load_secrets(home)


def test_the_secrets_of_an_older_version_get_what_is_new_and_keep_the_rest(home: Home) -> None:
    made = load_secrets(home)
    old = {name: value for name, value in asdict(made).items() if name != "admin_token"}
    home.secrets.write_text(json.dumps(old))

    grown = load_secrets(home)

    assert len(grown.admin_token) >= 32
    assert grown == replace(made, admin_token=grown.admin_token) == load_secrets(home)
    assert mode(home.secrets) == 0o600


def test_an_api_key_has_a_prefix_of_eight_and_forty_random_characters(home: Home) -> None:
    word, prefix, random = load_secrets(home).api_key.split("_")

    assert (word, len(prefix), len(random)) == ("vai", 8, 40)


def test_data_without_its_secrets_is_an_error_that_says_what_to_do(home: Home) -> None:
    home.postgres.mkdir()

    with pytest.raises(StackError, match=r"secrets\.json is gone") as raised:
        load_secrets(home)

    assert "make clean" in raised.value.advice


def test_erasing_keeps_what_somebody_else_put_into_the_folder(home: Home) -> None:
    load_secrets(home)
    (home.root / "notes.txt").write_text("mine")

    home.erase()

    assert [path.name for path in home.root.iterdir()] == ["notes.txt"]


def test_erasing_leaves_no_empty_folder(home: Home) -> None:
    load_secrets(home)

    home.erase()

    assert not home.root.exists()


def test_a_folder_has_one_holder(home: Home) -> None:
    first, second = FolderLock(home), FolderLock(home)

    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_the_holder_is_known_by_its_pid_while_it_lives(home: Home) -> None:
    code = """
import sys
from vai_devstack.home import Home
from vai_devstack.lock import FolderLock
assert FolderLock(Home.of(sys.argv[1])).take()
print("held", flush=True)
sys.stdin.read()
"""
    line = (sys.executable, "-c", code, str(home.root))
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert holder(home) == other.pid
        other.kill()
        other.wait()

    assert holder(home) is None
    assert not is_held(home)


def test_a_pid_that_went_to_another_program_is_no_holder(home: Home) -> None:
    lock = FolderLock(home)
    assert lock.take()
    home.lock.write_text("1 12345")

    assert is_held(home)
    assert holder(home) is None
    lock.release()


def test_a_port_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    base = random_base()
    first = PortBook(tmp_path / "ports.json")
    port = first.take("gateway", base)
    first.close()
    second = PortBook(tmp_path / "ports.json")

    assert second.take("gateway", 1) == port
    second.close()


def test_a_port_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        book = PortBook(tmp_path / "ports.json")

        assert not is_free(taken)
        assert book.take("gateway", taken) > taken
        book.close()


def test_two_stacks_that_start_at_once_get_different_ports(tmp_path: Path) -> None:
    base = random_base()
    first, second = PortBook(tmp_path / "one.json"), PortBook(tmp_path / "two.json")

    assert first.take("gateway", base) != second.take("gateway", base)
    first.close()
    second.close()


def test_a_base_that_is_asked_for_counts_before_a_port_that_is_remembered(tmp_path: Path) -> None:
    path, base = tmp_path / "ports.json", random_base()
    first = PortBook(path)
    known = first.take("api-gateway", base)
    first.close()
    for asked, least in ((base + 2_000, base + 2_000), (base + 2_000, base + 2_000), (known, known)):
        book = PortBook(path, asked)
        assert least <= book.take("api-gateway", asked) < least + 400
        book.close()
