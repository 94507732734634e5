"""Decodes a page: by the declared character set, as browsers interpret it, or by a guess if none is declared."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_AS_BROWSERS_DO: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})[\"']", re.IGNORECASE)
_LATIN = ("cp1252", "cp1254")
_META_BYTES = 4_096
_GUESSED_BYTES = 65_536


@dataclass(frozen=True)
class Decoded:
    """`charset` is the name of Python's codec; `replaced` says how many characters could not be read."""

    text: str
    charset: str
    replaced: int = 0


def decode(raw: bytes, declared: str | None = None, *, markup: bool = False) -> Decoded:
    """The text of a page. `declared` is what the response says. With `markup` a declaration in the page counts, too.

    The order is that of browsers: a byte order mark, the response, the page. A page that is declared as Latin-1 (what
    many servers say of everything) and is valid UTF-8 is UTF-8. The last character may have been cut off.
    """
    for mark, charset in _BOMS:
        if raw.startswith(mark):
            return _decoded(raw[len(mark) :], charset)
    said = _known(declared) or (_known(_in_markup(raw)) if markup else None)
    if said is not None and said not in _LATIN:
        return _decoded(raw, said)
    if (text := _strictly(raw, "utf-8")) is not None:
        return Decoded(text, "utf-8" if said is None or not text.isascii() else said)
    return _decoded(raw, said or _guessed(raw))


def _in_markup(raw: bytes) -> str | None:
    found = _XML.match(raw[:_META_BYTES]) or _META.search(raw[:_META_BYTES])
    if found is None:
        return None
    said = found[1].decode("ascii")
    # The declaration itself could be read, so the page does not have two bytes per character, whatever it says.
    return "utf-8" if said.lower().startswith("utf-16") else said


def _known(label: str | None) -> str | None:
    """Python's codec for a label, None for one that is no character set."""
    if not label:
        return None
    try:
        found = codecs.lookup(label.strip("\"' "))
    except (LookupError, ValueError):
        return None
    if not getattr(found, "_is_text_encoding", True) or found.name in ("idna", "punycode", "unicode_escape", "utf-7"):
        return None
    return _AS_BROWSERS_DO.get(found.name, found.name)


def _strictly(raw: bytes, charset: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(charset)().decode(raw, final=False)
    except UnicodeDecodeError:
        return None


def _decoded(raw: bytes, charset: str) -> Decoded:
    text = _strictly(raw, charset)
    if text is not None:
        return Decoded(text, charset)
    text = raw.decode(charset, errors="replace")
    return Decoded(text, charset, text.count("\ufffd"))


def _guessed(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(raw[:_GUESSED_BYTES], steps=5, chunk_size=512).best()
    return _known(best.encoding if best else None) or "cp1252"
