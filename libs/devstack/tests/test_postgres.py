"""What the stack thinks of the files that a Postgres has left, or is about to write."""

import os
from types import SimpleNamespace

import pytest

from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.servers.postgres import Postgres, leave_no_other


@pytest.fixture
def left_over(home: Home) -> Home:
    home.postgres.mkdir()
    return home


@pytest.mark.parametrize("content", ["", "\n", "postmaster"])
async def test_a_pid_file_that_is_still_being_written_is_left_alone(left_over: Home, content: str) -> None:
    file = left_over.postgres / "postmaster.pid"
    file.write_text(content)

    await leave_no_other(left_over.postgres)

    assert file.exists()


async def test_a_pid_file_whose_number_went_to_another_program_is_removed(left_over: Home) -> None:
    file = left_over.postgres / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n")

    await leave_no_other(left_over.postgres)

    assert not file.exists()


async def test_data_of_another_version_is_refused_with_what_to_do(left_over: Home) -> None:
    (left_over.postgres / "PG_VERSION").write_text("16\n")

    with pytest.raises(StackError, match="made by Postgres 16, this is 18") as raised:
        await Postgres(left_over, 1, "secret").start()

    assert "make clean" in raised.value.advice


@pytest.mark.parametrize(("free", "advice"), [(0, "Make room on the disk"), (1 << 40, "The data is as it was")])
async def test_who_is_not_told_why_is_never_told_to_erase_the_data(
    left_over: Home, monkeypatch: pytest.MonkeyPatch, free: int, advice: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    said = Postgres(left_over, 1, "secret")._advice()
    assert advice in said
    assert "make clean" not in said
