"""The guide: every page has its place, links stay inside or say where the file is, and no page holds a script."""

from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT
from tools.guide import outside
from tools.guide.contents import CONTENTS, HOME, tree
from tools.guide.links import BrokenLink, inside

PAGES = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}


def test_every_page_stands_in_the_contents_once() -> None:
    named = Counter(page for pages in CONTENTS.values() for page in pages)
    assert set(named) | {HOME} == PAGES
    assert [page for page, times in named.items() if times > 1] == []
    assert tree().count("```{toctree}") == len(CONTENTS)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_link_leads_to_a_file(page: str) -> None:
    assert "](../../" not in inside(page, (ROOT / f"docs/{page}.md").read_text())


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("first-steps", "[README](../README.md)", "[README](index.md)"),
        ("operations/backup", "[README](../../README.md)", "[README](../index.md)"),
        ("first-steps", "[running.md](running.md#connections)", "[Running it](running.md#connections)"),
        ("first-steps", "[signs in](running.md)", "[signs in](running.md)"),
        ("mcp", "[the tool](../tools/fuzz.py)", "the tool (`tools/fuzz.py` in the repository)"),
        ("mcp", "[out](https://example.com/a)", "[out](https://example.com/a)"),
        ("mcp", "```json\n[a](nowhere.md)\n```", "```json\n[a](nowhere.md)\n```"),
    ],
)
def test_a_link_is_one_of_the_site(page: str, written: str, shown: str) -> None:
    assert inside(page, written) == shown


def test_a_link_to_nowhere_names_its_page() -> None:
    with pytest.raises(BrokenLink, match=r"docs/mcp\.md leads to nowhere\.md"):
        inside("mcp", "see [this](nowhere.md)")


def test_a_block_that_is_not_run_says_so_on_the_site() -> None:
    shown = inside("mcp", "```sh not run: needs <a> cluster\nhelm install\n```")
    assert shown.startswith("```sh\nhelm install\n```")
    assert "Not run by our tests: needs &lt;a&gt; cluster." in shown


def test_scripts_and_styles_are_moved_into_files(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static/guide.css").write_text("")
    (tmp_path / "in").mkdir()
    page = tmp_path / "in/one.html"
    page.write_text('<style>a{}</style><script>run("<b>")</script><script src="x.js"></script><p style="color: red">')
    outside.move_out(tmp_path)
    assert list(outside.faults(tmp_path)) == []
    assert 'run("<b>")' in "".join(file.read_text() for file in tmp_path.glob("_static/*.js"))
    assert page.read_text().count('src="../_static/page-') == 1
    assert "color: red" in (tmp_path / "_static/guide.css").read_text()


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/x">',
        '<img alt="" src="http://a.example/b.png">',
        '<p onclick="go()">',
    ],
)
def test_what_a_browser_would_refuse_or_fetch_ends_the_build(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.html").write_text(text)
    assert len(list(outside.faults(tmp_path))) == 1
