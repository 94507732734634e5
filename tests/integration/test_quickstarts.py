"""docs/quickstart/: the commands of each page, pasted into a shell one after the other, do what the page says."""

import sys
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT
from tests.integration.pasting import pasted
from vai_devstack.stack import Stack
from vai_testkit.pages import to_run

pytestmark = pytest.mark.any_broker

SAYS = {
    "rest": (
        '"role":"admin"',
        "completed {'tables': ['orders']",
        "lease_acquired",
        '"status":"completed"',
        "unknown_source",
    ),
    "events": ("0 records", "\naction."),  # on a shared stack the first events are those of other tests
    "platform": ("dlt_extract", "extract-worker", "file_sync 0"),
    "operator": ("it failed, as it should", "not-there.csv", "Failed runs", "PROCESS"),
}
"""Of what each page's commands print."""


def commands(page: str) -> list[str]:
    """Its blocks that are run, as they stand there."""
    return to_run(ROOT / f"docs/quickstart/{page}.md", "sh")


@pytest.mark.parametrize("page", SAYS)
async def test_its_commands_do_what_the_page_says(stack: Stack, tmp_path: Path, page: str) -> None:
    """`make` is played: the stack is that of the tests. Everything else is as on a clone's first day."""
    (tmp_path / ".vai").symlink_to(stack.home.root)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    said = await pasted(commands(page), tmp_path, {})
    assert [words for words in SAYS[page] if words not in said] == [], said
    assert [words for words in ("Traceback", "method_not_allowed", "not_found") if words in said] == [], said


def test_every_quickstart_is_run() -> None:
    assert {path.stem for path in (ROOT / "docs/quickstart").glob("*.md")} == set(SAYS)
    assert all(len(commands(page)) >= 3 for page in SAYS)
