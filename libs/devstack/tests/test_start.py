"""A start that fails names its real reason; root's own folders are no obstacle for Postgres, which refuses root."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from vai_devstack.errors import StackError, of_system
from vai_devstack.home import Home
from vai_devstack.servers import postgres as postgres_module
from vai_devstack.servers.postgres import Postgres, why_it_failed
from vai_devstack.servers.process import launched

NOBODY = 65_534 if os.geteuid() == 0 else None
"""Who runs what refuses root; a plain user is itself."""


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, with a program in it."""
    folder = tmp_path / "only mine"
    folder.mkdir(mode=0o700)
    program = folder / "program"
    program.write_text("#!/bin/sh\necho here I am\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("ask", [("-r",), ("-x",), ("-d",)], ids=["may be read", "may be run", "is a folder"])
def test_who_runs_postgres_for_root_finds_its_files_in_a_folder_that_only_root_may_enter(
    closed: Path, ask: tuple[str]
) -> None:
    """`test` asks by access(), as Postgres and initdb do; the kernel answers that otherwise than open()."""
    wanted = closed if ask == ("-d",) else closed / "program"
    command = launched(("/usr/bin/test", *ask, str(wanted)), signal.SIGKILL, NOBODY)
    assert subprocess.run(command, check=False).returncode == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_program_in_such_a_folder_can_be_run(closed: Path) -> None:
    command = launched((str(closed / "program"),), signal.SIGKILL, NOBODY)
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "here I am\n"


@pytest.mark.parametrize(
    ("line", "reason", "advice"),
    [
        ('initdb: error: could not create directory "a": No space left on device', "No space left", "Make room"),
        ('x ... 2026 UTC [1] FATAL:  could not write to file "b": No space left on device', "FATAL:", "Make room"),
        ('initdb: error: could not access directory "c": Permission denied', "Permission denied", "not root"),
        ("PermissionError: [Errno 13] Permission denied: '/root/x'", "/root/x", "not root"),
        ('initdb: error: program "postgres" is needed by initdb but was not found in the same directory as "initdb"',
         "was not found", "not root"),
        ("initdb: error: invalid locale settings", "invalid locale settings", ""),
        ("FATAL:  could not create shared memory segment: No such thing", "shared memory", "Postgres"),
    ],
)  # fmt: skip
def test_the_reason_is_the_programs_own_and_what_to_do_fits_it(
    tmp_path: Path, line: str, reason: str, advice: str
) -> None:
    log = tmp_path / "log"
    log.write_text(f"creating directory x ... ok\n{line}\nremoving what was made\n")
    error = why_it_failed(log, "initdb could not make a database")
    assert error.message.startswith("initdb could not make a database: ")
    assert reason in error.message
    assert advice in error.advice
    assert "\n" not in error.message


async def test_a_database_that_cannot_be_made_says_why_and_leaves_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "initdb").write_text("#!/bin/sh\necho 'initdb: error: the moon is full' >&2\nexit 1\n")
    (programs / "initdb").chmod(0o755)
    monkeypatch.setattr(postgres_module, "binaries", lambda: programs)

    with pytest.raises(StackError, match="could not make a database: initdb: error: the moon is full"):
        await Postgres(home, 1, "secret").start()

    assert not home.postgres.exists()
    assert not home.postgres.with_suffix(".new").exists()


@pytest.mark.parametrize(
    ("number", "advice"), [(28, "Make room"), (122, "Make room"), (30, "can be written"), (13, "not root"), (5, "")]
)
def test_what_the_system_refuses_is_told_with_the_file(number: int, advice: str) -> None:
    error = of_system(OSError(number, os.strerror(number), "/a/file"))
    assert error.message == f"/a/file: {os.strerror(number)}"
    assert advice in error.advice
