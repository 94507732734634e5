"""Links of a page that lead out of docs/: a site has no page for them, so their text says where the file is."""

import re
from html import escape
from pathlib import Path

from tools.guide.places import ROOT, SOURCES

_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"^( *)```(\w+) not run: ([^\n]+)\n")
_ELSEWHERE = {ROOT / "README.md": SOURCES / "index.md", SOURCES: SOURCES / "index.md"}
"""What has a page in the guide in its place."""


class BrokenLink(Exception):
    """A link to a file that is not there: `page: target`."""


def inside(page: str, text: str) -> str:
    """The text of a page (`operations/backup`), with links that stay in the guide. Raises BrokenLink."""
    folder = (SOURCES / page).parent
    parts = _FENCE.split(text)
    return "".join(_marked(part) if number % 2 else _mended(page, folder, part) for number, part in enumerate(parts))


def _marked(block: str) -> str:
    """A block that no test runs says so to the reader, and why: ```sh not run: needs a cluster."""
    head = _NOT_RUN.match(block)
    if head is None:
        return block
    indent, language, why = head.groups()
    note = f'{indent}<p class="not-run">Not run by our tests: {escape(why.strip())}.</p>'
    return f"{indent}```{language}\n{block[head.end() :]}\n\n{note}\n"


def _title(file: Path) -> str:
    """What a page calls itself, without what stands behind a colon: `running.md` is no name for readers of a site."""
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(":")[0]


def _mended(page: str, folder: Path, text: str) -> str:
    def mend(found: re.Match[str]) -> str:
        said, target, anchor = found.groups()
        file = (folder / target).resolve()
        if not file.exists():
            raise BrokenLink(f"docs/{page}.md leads to {target}, which is not there")
        if file in _ELSEWHERE:
            back = "../" * page.count("/")
            return f"[{said}]({back}{_ELSEWHERE[file].name})"
        if file.suffix == ".md" and file.is_relative_to(SOURCES):
            return f"[{_title(file)}]({target}{anchor or ''})" if said == file.name else found.group()
        name = file.relative_to(ROOT).as_posix()
        return said if name.rstrip("/") in said else f"{said} (`{name}` in the repository)"

    return _LINK.sub(mend, text)
