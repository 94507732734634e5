"""Makes users' texts safe for a drawing: one line, only characters that XML allows, no longer than the available
width.
"""

import re
import unicodedata

# Control characters, halves of surrogate pairs, characters that change the direction of writing, non-characters.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+")
_NARROW = frozenset("fijlrtI.,:;'|!()[]{} ")
_BROAD = frozenset("mwMW@%—…")


def clean(text: str) -> str:
    """The text in one line, without forbidden characters."""
    return " ".join(_UNFIT.sub(" ", text).split())


def width(text: str, size: float) -> float:
    """The approximate width in px at this font size. It assumes a wide font, since the viewer's font is not known."""
    return sum(map(_em, text)) * size


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in _NARROW:
        return 0.39
    if character in _BROAD:
        return 0.98
    return 0.7 if character.isupper() else 0.58


def fitted(text: str, size: float, room: float) -> str:
    """The cleaned text, shortened with an ellipsis to `room` px."""
    text = clean(text[: 4 * int(room)])
    if width(text, size) <= room:
        return text
    room -= width("…", size)
    for end, character in enumerate(text):
        room -= _em(character) * size
        if room < 0:
            return text[:end].rstrip() + "…"
    return text


def shortened(text: str, most: int) -> str:
    """The cleaned text, of so many characters at most."""
    text = clean(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
