"""Pages become PDF files by a browser that is bounded. Small programs stand in for it; tests/console has a real one."""

import os
from pathlib import Path

import pytest

from vai_drawing import paper
from vai_drawing.paper import CannotPrint, pdf

PAGE = "<!doctype html><html><head><title>Sales</title></head><body>1</body></html>"
_INTO = """for each in "$@"; do
case "$each" in --print-to-pdf=*) into="${each#*=}";; file://*) page="${each#file://}";; esac
done
"""


def stand_in(folder: Path, what: str) -> str:
    """A program that is started as a browser would be; `$page` is the page, `$into` where the PDF goes."""
    made = folder / "browser"
    made.write_text(f"#!/bin/sh\n{_INTO}{what}\n")
    made.chmod(0o755)
    return str(made)


def left_over(marker: str) -> list[str]:
    """Processes whose command line has this."""
    found = []
    for each in os.listdir("/proc"):
        try:
            command = Path(f"/proc/{each}/cmdline").read_text()
        except OSError:
            continue
        if marker in command:
            found.append(command)
    return found


async def test_the_page_is_printed_under_a_policy_that_loads_nothing(tmp_path: Path) -> None:
    made = await pdf(stand_in(tmp_path, 'cat "$page" > "$into"; echo "$@" >> "$into"; env >> "$into"'), PAGE)
    text = made.decode()
    assert '<head><meta http-equiv="Content-Security-Policy" content="default-src \'none\';' in text
    assert "MAP * ~NOTFOUND" in text
    assert "VAI_" not in text
    folder = next(part for part in text.split() if part.startswith("--user-data-dir=")).partition("=")[2]
    assert not Path(folder).parent.exists()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("exit 3", "ended with 3"),
        ("exit 0", "has written no PDF"),
        ('head -c 70000000 /dev/zero > "$into"', "larger than 64 MB"),
    ],
)
async def test_a_browser_that_does_not_print_is_said_with_what_to_do(tmp_path: Path, what: str, told: str) -> None:
    with pytest.raises(CannotPrint, match=told):
        await pdf(stand_in(tmp_path, what), PAGE)


async def test_a_browser_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotPrint, match="/nowhere/chromium does not start"):
        await pdf("/nowhere/chromium", PAGE)


async def test_a_browser_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(CannotPrint, match=r"more than 0\.3 s"):
        await pdf(stand_in(tmp_path, "sleep 7357 & sleep 7357"), PAGE, seconds=0.3)
    assert left_over("7357") == []


async def test_a_browser_that_takes_too_much_memory_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "_LOOK_SECONDS", 0.02)
    with pytest.raises(CannotPrint, match="more than 40 MB"):
        await pdf(stand_in(tmp_path, "head -c 200000000 /dev/zero | tail -c 190000000 & sleep 30"), PAGE, memory_mb=40)
    assert left_over("190000000") == []
