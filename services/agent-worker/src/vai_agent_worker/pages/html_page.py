"""Reads an HTML page: its text as Markdown and plain text by trafilatura, its metadata by lxml."""

import re
from collections.abc import Iterator
from copy import deepcopy
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from vai_agent_worker.pages.asked import Asked, Image, Link, Reading
from vai_agent_worker.pages.charsets import decode
from vai_agent_worker.pages.limits import TookTooLong, within

_UNSEEN: Final = ("script", "style", "noscript", "template", "head", "svg", "iframe", "object")
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "tr",
        "ul",
    ]
)
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_EMPTY_LINES = re.compile(r"\n{2,}")
_TAG = re.compile(r"<[^<>]*+>?")
_SCRIPT = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_SCRIPT_END = re.compile(r"</(?:script|style)\b", re.IGNORECASE)
_SIMPLY = "all text of the page is given, with menus and without headings"
_LITTLE_TEXT = 200
_LONGEST_ALT = 500
_SHARE_FOR_TEXT = 0.7
"""The share of a page's time for trafilatura. The rest is for the simple way, if trafilatura does not end in time."""


def read_html(raw: bytes, asked: Asked) -> Reading:
    decoded = decode(raw, asked["charset"], markup=True)
    tree, is_whole = _tree(decoded.text)
    warnings: list[tuple[str, str]] = []
    if decoded.replaced:
        said = f"{decoded.replaced:,} characters of the page are not {decoded.charset}: they are shown as \ufffd"
        warnings.append(("page_has_unreadable_characters", said))
    if tree is None:
        return {"format": "html", "charset": decoded.charset, "markdown": "", "text": "", "warnings": warnings}
    base = _base(tree, asked["url"])
    reading: Reading = {"format": "html", "charset": decoded.charset, "warnings": warnings}
    reading |= _described(tree, base)
    reading["links"] = _links(tree, base, asked["links"])
    reading["images"] = _images(tree, base, asked["images"])
    plain = _plain(tree)
    reading["needs_script"] = _needs_script(tree, plain)
    if is_whole:
        return reading | _text(tree, plain, asked, warnings)
    warnings.append(("page_read_simply", f"The page is nested very deeply: {_SIMPLY}"))
    plain = _without_tags(decoded.text)
    return reading | {"markdown": plain, "text": plain}


def _tree(text: str) -> tuple[Any | None, bool]:
    """The page's tree (None if it has no element), and whether the whole page is in it."""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        tree = html.document_fromstring(text.replace("\0", "").encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # "Document is empty"
        return None, True
    return tree, not any(each.level_name == "FATAL" for each in parser.error_log)


def _text(tree: Any, plain: str, asked: Asked, warnings: list[tuple[str, str]]) -> Reading:
    """The page's main text. If trafilatura finds none or takes too long, all text that the page shows."""
    from trafilatura import bare_extraction
    from trafilatura.xml import xmltotxt

    try:
        with within(asked["seconds"] * _SHARE_FOR_TEXT):
            found: Any = bare_extraction(
                tree,
                url=asked["url"],
                include_comments=False,
                include_formatting=True,
                include_images=True,
                include_links=True,
                with_metadata=True,
            )
            if found is not None:
                markdown = xmltotxt(found.body, True).strip()
                return {**_told_by(found), "markdown": markdown, "text": _without_addresses(found.body, xmltotxt)}
    except TookTooLong:
        warnings.append(("page_read_simply", f"Finding the main text took too long: {_SIMPLY}"))
    except RecursionError:
        warnings.append(("page_read_simply", f"The page is nested very deeply: {_SIMPLY}"))
    return {"markdown": plain, "text": plain}


def _told_by(found: Any) -> Reading:
    told = {"title": found.title, "author": found.author, "date": found.date, "description": found.description}
    return {name: value for name, value in {**told, "site_name": found.sitename}.items() if value}  # type: ignore[return-value]


def _without_addresses(body: Any, xmltotxt: Any) -> str:
    body = deepcopy(body)
    etree.strip_elements(body, "graphic", with_tail=False)
    etree.strip_tags(body, "ref")
    return str(xmltotxt(body, False)).strip()


def _base(tree: Any, url: str) -> str:
    given = tree.find(".//base[@href]")
    return _joined(url, given.get("href")) or url if given is not None else url


def _joined(base: str, href: str | None) -> str | None:
    """The absolute address. None if it is no web address."""
    if not href:
        return None
    try:
        url = urljoin(base, href.strip())
        parts = urlsplit(url)
    except ValueError:
        return None
    return url[:8_192] if parts.scheme in ("http", "https") and parts.netloc else None


def _described(tree: Any, base: str) -> Reading:
    title = tree.find(".//title")
    canonical = tree.find(".//link[@rel='canonical'][@href]")
    told: Reading = {
        "title": _one_line(title.text_content()) if title is not None else None,
        "language": _language(tree),
        "canonical_url": _joined(base, canonical.get("href")) if canonical is not None else None,
    }
    return told


def _language(tree: Any) -> str | None:
    said = tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang")
    if not said:
        metas = (each for each in tree.iter("meta") if (each.get("http-equiv") or "").lower() == "content-language")
        said = next((each.get("content") for each in metas), None)
    said = (said or "").split(",")[0].strip().replace("_", "-")
    return said if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", said) else None


def _links(tree: Any, base: str, most: int) -> list[Link]:
    """Each linked address once, in the order of the page, without links within the page."""
    found: dict[str, str] = {}
    for each in tree.iter("a"):
        if len(found) >= most:
            break
        url = _joined(base, each.get("href"))
        if url is None or url.partition("#")[0] == base.partition("#")[0]:
            continue
        text = _one_line(each.text_content())[:_LONGEST_ALT]
        found[url] = found.get(url) or text
    return [{"url": url, "text": text} for url, text in found.items()]


def _images(tree: Any, base: str, most: int) -> list[Image]:
    """Images with an address. Those with an empty `alt` are left out, since that marks them as decoration."""
    found: dict[str, str] = {}
    for each in tree.iter("img"):
        if len(found) >= most:
            break
        url = _joined(base, each.get("src") or each.get("data-src"))
        if url is None or each.get("alt") == "":
            continue
        found.setdefault(url, _one_line(each.get("alt") or "")[:_LONGEST_ALT])
    return [{"url": url, "alt": alt} for url, alt in found.items()]


def _plain(tree: Any) -> str:
    """All text that the page shows, a line for each block."""
    body = tree.find(".//body")
    text = _SPACES.sub(" ", "".join(_pieces(tree if body is None else body)))
    return _EMPTY_LINES.sub("\n\n", "\n".join(line.strip() for line in text.split("\n"))).strip()


def _pieces(root: Any) -> Iterator[str]:
    unseen = 0
    for event, each in etree.iterwalk(root, events=("start", "end")):
        hidden = each.tag in _UNSEEN
        if event == "start":
            unseen += hidden
            if not unseen:
                yield "\n" if each.tag in _BLOCKS else ""
                yield (each.text or "").replace("\n", " ") if each.tag != "pre" else each.text or ""
            continue
        unseen -= hidden
        if not unseen:
            yield "\n" if each.tag in _BLOCKS else ""
            if each is not root:
                yield (each.tail or "").replace("\n", " ")


def _without_tags(text: str) -> str:
    lines = (" ".join(line.split()) for line in unescape(_TAG.sub("\n", _without_scripts(text))).split("\n"))
    return "\n".join(line for line in lines if line)


def _without_scripts(text: str) -> str:
    kept, at = list[str](), 0
    while (begin := _SCRIPT.search(text, at)) is not None:
        kept.append(text[at : begin.start()])
        end = _SCRIPT_END.search(text, begin.end())
        at = end.start() if end else len(text)
    return "\n".join((*kept, text[at:]))


def _needs_script(tree: Any, plain: str) -> bool:
    """Whether the page's text is made by a script: it has almost no text, and an empty element for it."""
    if len(plain) >= _LITTLE_TEXT or tree.find(".//script") is None:
        return False
    if any("javascript" in (each.text_content() or "").lower() for each in tree.iter("noscript")):
        return True
    holders = (each for each in tree.iter("div", "main", "section") if each.get("id") or each.tag == "main")
    if any(len(each) == 0 and not (each.text or "").strip() for each in holders):
        return True
    return not plain


def _one_line(text: str) -> str:
    return " ".join(text.split())
