"""Texts of strangers, made fit for a drawing: one line, nothing that XML forbids, no longer than there is room."""

import re
import unicodedata

# Controls, halves of surrogate pairs, what turns the direction of writing, non-characters.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]+")
_NARROW = frozenset("fijlrtI.,:;'|!()[]{} ")
_BROAD = frozenset("mwMW@%—…")


def clean(text: str) -> str:
    """One line of what can be written."""
    return " ".join(_UNFIT.sub(" ", text).split())


def width(text: str, size: float) -> float:
    """About how broad it is in px at this font size: in a broad font, since nobody knows which one will be there."""
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
