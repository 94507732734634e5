"""Makes the built pages fit the gateway's policy: no script or style stands in a page, nothing is asked outside."""

import gzip
import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

_INLINE = re.compile(r"<(script|style)((?:\s[^>]*)?)>(.*?)</\1>", re.DOTALL)
_STYLED = re.compile(r"""(<[a-z][^<>]*?)\sstyle="([^"]*)\"""")
_ENDING = {"script": "js", "style": "css"}
_ASKED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)="(?:https?:)?//""")
_REFUSED = re.compile(r"""<[a-z][^<>]*\s(on[a-z]+|style)="[^"]*\"""")
_PACK_FROM = 50_000
"""Bytes from which a file gets a compressed one beside it."""


def move_out(site: Path) -> None:
    """Each script and style that stands in a page becomes a file, which the page names instead."""
    rules: dict[str, str] = {}
    for page in site.rglob("*.html"):
        up = "../" * (len(page.relative_to(site).parts) - 1)
        text = _INLINE.sub(partial(_as_a_file, site, up), page.read_text(encoding="utf-8"))

        def style(found: re.Match[str]) -> str:
            name = hashlib.sha256(found[2].encode()).hexdigest()[:8]
            rules[name] = found[2]
            return f'{found[1]} data-style="{name}"'

        page.write_text(_STYLED.sub(style, text), encoding="utf-8")
    with (site / "_static/guide.css").open("a", encoding="utf-8") as sheet:
        sheet.writelines(f'[data-style="{name}"] {{ {rule} }}\n' for name, rule in sorted(rules.items()))


def _as_a_file(site: Path, up: str, found: re.Match[str]) -> str:
    what, attributes, body = found.groups()
    if "src=" in attributes or "application/json" in attributes or not body.strip():
        return found.group()
    name = f"_static/page-{hashlib.sha256(body.encode()).hexdigest()[:12]}.{_ENDING[what]}"
    (site / name).write_text(body, encoding="utf-8")
    if what == "script":
        return f'<script{attributes} src="{up}{name}"></script>'
    return f'<link rel="stylesheet" href="{up}{name}">'


def faults(site: Path) -> Iterator[str]:
    """What a browser would refuse or fetch from elsewhere, each in one line."""
    for page in sorted(site.rglob("*.html")):
        text, name = page.read_text(encoding="utf-8"), page.relative_to(site)
        if _ASKED.search(text):
            yield f"{name} loads something from another host"
        refused = _REFUSED.search(text)
        if refused:
            yield f"{name} has {refused[1]}= in a tag, which the policy refuses: {refused.group()[-80:]}"
    for style in sorted(site.rglob("*.css")):
        if re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")):
            yield f"{style.relative_to(site)} loads something from another host"


def compress(site: Path) -> None:
    """A `.gz` beside each large text: the gateway compresses only small answers itself."""
    for file in sorted(site.rglob("*")):
        if file.suffix in {".html", ".js", ".css"} and file.stat().st_size >= _PACK_FROM:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
