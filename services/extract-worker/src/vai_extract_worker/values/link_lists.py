"""Reads lists of links beside the rows: `{"rel": "next", "href": …}`, and page buttons as Laravel writes them."""

import re
from typing import Any, Final

_RELATIONS: Final = ("rel", "relation")
_ADDRESSES: Final = ("href", "url", "uri")
_MOST_LINKS: Final = 20

_BUTTON: Final = frozenset(("url", "label", "active", "page"))
_MOST_WORDS: Final = 2
"""How many buttons with words may come before the page numbers, and after them: first, previous; next, last."""
_GAP: Final = ("...", "…", "&hellip;")
_NEXT: Final = re.compile(
    r"(?:pagination\S*\bnext|(?:go to )?next(?: page)?|weiter|n(?:ä|&auml;)chste(?: seite)?|(?:page )?suivante?"
    r"|siguiente|pr(?:ó|o)xim[oa]|volgende|successiv[oa]|avanti|dalej|następna|вперёд|вперед|далее|следующая"
    r"|التالي|次へ|次|下一页|下一頁|다음)",
    re.IGNORECASE,
)
"""The text on the button for the next page, in several languages."""

UNREADABLE: Final = "[*].url"
"""The result for page buttons of which none can be recognised as the one for the next page."""

Link = tuple[str, str | None]
"""The last part of a JSONPath, and the value there. The value is None for `UNREADABLE`."""


def link_to(relation: str, links: list[Any]) -> Link | None:
    """The place of the link to the next page in a list of links, as the last part of a JSONPath, and its value."""
    for link in links[:_MOST_LINKS]:
        for key in _RELATIONS if isinstance(link, dict) else ():
            said = link.get(key)
            if isinstance(said, str) and said.lower() == relation:
                name = next((one for one in _ADDRESSES if isinstance(link.get(one), str) and link[one]), None)
                return (f"[?{key}=='{said}'].{name}", link[name]) if name else None
    return _next_button(links) if relation == "next" else None


def are_links(rows: list[Any]) -> bool:
    """Whether a list has links, not rows."""
    if _numbers(rows) is not None:
        return True
    return bool(rows) and all(
        isinstance(row, dict)
        and any(isinstance(row.get(key), str) for key in _RELATIONS)
        and any(isinstance(row.get(key), str) for key in _ADDRESSES)
        for row in rows[:_MOST_LINKS]
    )


def _next_button(links: list[Any]) -> Link | None:
    """The button for the next page: recognised by its word, or by its place if its address has the next page number.

    None if there are no page buttons, or no next page.
    """
    if (numbers := _numbers(links)) is None:
        return None
    behind = links[numbers[-1] + 1 :] if numbers else links[-1:]
    by_word = [link for link in behind if _says_next(link["label"])]
    active = [at for at in numbers if links[at].get("active") is True]
    ahead = next((links[at]["url"] for at in numbers if active and at > active[0]), None)
    found = by_word[0] if len(by_word) == 1 else behind[0] if behind and len(active) == 1 else None
    if found and (found["url"] == ahead or (by_word and (ahead is None or not active))):
        at = next(index for index, link in enumerate(reversed(links), 1) if link is found)
        return (f"[-{at}].url", found["url"]) if found["url"] else None
    return (UNREADABLE, None) if ahead or any(link["url"] for link in behind) else None


def _numbers(links: list[Any]) -> list[int] | None:
    """The indexes of the buttons with page numbers. None if the list has no page buttons.

    Words may stand only before and after the numbers. A list with words in the middle is a menu, or has rows such as
    webhooks.
    """
    if len(links) < 2 or not all(map(_is_button, links)):
        return None
    numbers = [at for at, link in enumerate(links) if re.fullmatch(r"\d{1,7}", link["label"].strip(), re.ASCII)]
    if not numbers:
        return [] if len(links) == 2 and _says_next(links[1]["label"]) else None
    first, last = numbers[0], numbers[-1]
    told = [int(links[at]["label"]) for at in numbers]
    between = (links[at] for at in range(first, last) if at not in numbers)
    is_whole = first <= _MOST_WORDS and len(links) - 1 - last <= _MOST_WORDS and told == sorted(set(told))
    has_frame = first > 0 or last < len(links) - 1 or sum(link.get("active") is True for link in links) == 1
    return numbers if is_whole and has_frame and all(link["label"].strip() in _GAP for link in between) else None


def _says_next(label: str) -> bool:
    bare = re.sub(r"<[^<>]{0,200}>|&(?:raquo|rsaquo|gt|rarr|laquo|lsaquo);|[»›>→\\]", " ", label).strip()
    return _NEXT.fullmatch(bare) is not None


def _is_button(link: Any) -> bool:
    if not isinstance(link, dict) or not link.keys() <= _BUTTON or not isinstance(link.get("label"), str):
        return False
    return "url" in link and isinstance(link["url"], str | None) and isinstance(link.get("active"), bool | None)
