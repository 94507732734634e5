"""How a reference is written, and what it looks up (document 002, "Reference Resolution").

`$/inputs/day` ends where the text's next space, quote, bracket or mark of punctuation stands. `${/inputs/day}` ends at
its brace, so that anything may follow it; between the braces names may hold spaces, colons, dots and the like, a name
in double quotes (as JSON writes it) holds anything, and `|` says what to take instead of what is not there or null:
`${/steps/new/result/id|/steps/old/result/id|0}`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from vai_common import numbers

_STOP = r"/\s'\"`,;:!?()\[\]{}<>|\\"
_QUOTED = r'"(?:[^"\\$]|\\.|\$(?!\{))*"'
_PLAIN = rf'[^{{}}\[\]"$]|\$(?!\{{)|{_QUOTED}'


def _brackets(depth: int) -> str:
    """A JSON array or object, in which there are others down to that depth."""
    return rf"[\[{{](?:{_PLAIN}{f'|{_brackets(depth - 1)}' if depth else ''})*[\]}}]"


# What is in braces ends before the next `${`, so that a text of many is read once. A brace stands in a name or a text
# in quotes, or in a default that is an object or an array; else the first one is the end.
_ALL = ("inputs", "steps", "vars", "secrets")
NAMED: Final = ("vars", "secrets")
"""The roots that mean something in every definition: variables and secrets of the organisation."""
_PART = rf'[^{{}}"$\[]|\$(?!\{{)|(?<!\|)\[|(?<![/|])"|(?<=[/|]){_QUOTED}'


def _pattern(stop: str, roots: tuple[str, ...]) -> re.Pattern[str]:
    part, root = rf"[^{stop}]*[^{stop}.]", "|".join(roots)
    head = rf"\$\{{/(?:{root})/"
    in_braces = rf"{head}(?:{_PART})*(?:(?<=\|){_brackets(3)})?\}}|{head}[^{{}}]*\}}"
    return re.compile(rf"{in_braces}|\$/(?:{root})(?:/{part})+")


REFERENCE: Final = _pattern(_STOP, _ALL)
IN_URL: Final = _pattern(_STOP + "&=%#", _ALL)
"""In a URL what parts one value from the next ends a reference, too."""
NAME: Final = _pattern(_STOP, NAMED)
"""The references of a plain run: what else looks like one is text there."""
NAME_IN_URL: Final = _pattern(_STOP + "&=%#", NAMED)

_SLIP = re.compile(r"\$/[^\s'\"]*")
_SLIP_IN_BRACES = re.compile(r"\$\{/?(inputs|steps|vars|secrets)/[^{}\s]{0,40}")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^"/|]+|.', re.DOTALL)
_HEADS = tuple(f"/{root}/" for root in _ALL)
_STEP_FIELDS = ("result", "status", "error", "approval")
_LONGEST_TAIL = 64


class BadReference(ValueError):
    """A reference that cannot be one, or that leads nowhere; the message names it and says what is there instead."""


class _Nothing:
    """No default; `null` is one."""


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class Reference:
    """`$/steps/load/result/rows` is ("steps", "load", "result", "rows")."""

    path: tuple[str, ...]

    @property
    def text(self) -> str:
        return "$/" + "/".join(self.path)

    @property
    def step(self) -> str | None:
        """The step that it asks for; None for anything else."""
        return self.path[1] if self.path[0] == "steps" else None

    @property
    def is_secret(self) -> bool:
        return self.path[0] == "secrets"

    @property
    def is_named(self) -> bool:
        """Whether it asks for a variable or a secret of the organisation."""
        return self.path[0] in NAMED

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """From `$/…`, in which each name is as it stands. Raises `BadReference`."""
        return cls.of(tuple(text.removeprefix("$/").split("/")), text, begins=text.startswith("$/"))

    @classmethod
    def of(cls, path: tuple[str, ...], text: str, *, begins: bool = True) -> "Reference":
        """Raises `BadReference`, which shows `text`."""
        if not begins or path[0] not in _ALL or len(path) < 2 or not all(path):
            raise BadReference(
                f"{text} is no reference: write $/inputs/<name>, $/steps/<key>/result/<field>, $/vars/<name> or"
                " $/secrets/<name>"
            )
        if path[0] == "secrets" and len(path) > 2:
            raise BadReference(f"{text}: a secret has no fields; to end it there, write {_in_braces(path[:2])}")
        if path[0] == "steps" and (len(path) < 3 or path[2] not in _STEP_FIELDS):
            one = f"$/steps/{path[1]}"
            raise BadReference(
                f"{text}: of a step there are {one}/result/… and {one}/status and {one}/error and {one}/approval/…"
            )
        if path[0] == "steps" and path[2] == "status" and len(path) > 3:
            raise BadReference(f"{text}: a status has no fields")
        return cls(path)

    def look_up(self, values: Mapping[str, Any]) -> Any:
        """The value in {"inputs": …, "steps": {key: {"status", "result", "error"}}}. Raises `BadReference`."""
        found: Any = values
        for depth, key in enumerate(self.path):
            found = self._step_into(found, key, depth)
        return found

    def _step_into(self, found: Any, key: str, depth: int) -> Any:
        if isinstance(found, Mapping) and key in found:
            return found[key]
        if isinstance(found, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(found):
            return found[int(key)]
        here = "/".join(self.path[:depth]) or "the automation"
        if isinstance(found, Mapping):
            there = f"has {', '.join(sorted(map(str, found))[:10]) or 'no fields'}"
        else:
            there = f"has {len(found)} items" if isinstance(found, list) else f"is {_shown(found)}"
        hint = _end_hint(found, self.path[:depth], key)
        raise BadReference(f"{self.text} leads nowhere: {here} {there}, not {key!r}{hint}")


@dataclass(frozen=True)
class Lookup:
    """What a text or an object looks up: the first of its references that leads to something, else a default."""

    references: tuple[Reference, ...]
    default: Any = NOTHING

    def value(self, look_up: Callable[[Reference], Any]) -> Any:
        """Raises `BadReference` where nothing is found and there is no default; an only null that is there is null."""
        found: Any = NOTHING
        error: BadReference | None = None
        for reference in self.references:
            try:
                found = look_up(reference)
            except BadReference as wrong:
                error = error or wrong
            else:
                if found is not None:
                    return found
        if not isinstance(self.default, _Nothing):
            return self.default
        if found is None:
            return None
        raise error or BadReference("nothing is referred to")


def parse(text: str) -> Lookup:
    """From `$/…` or `${/…}`. Raises `BadReference`."""
    if not text.startswith("${"):
        return Lookup((Reference.parse(text),))
    references: list[Reference] = []
    rest = text[2:-1] if text.endswith("}") else ""
    while rest.startswith(_HEADS):
        path, rest, more = _path_in(rest, text)
        references.append(Reference.of(path, text))
        if not more:
            return Lookup(tuple(references))
    if not references:
        raise BadReference(f"{text} is no reference: write ${{/inputs/<name>}} or ${{/steps/<key>/result/<field>}}")
    default = _literal(rest)
    _refuse_unstorable(default, text)
    return Lookup(tuple(references), default)


def refuse_slip(value: str, pattern: re.Pattern[str], roots: tuple[str, ...] = _ALL) -> None:
    """Raises `BadReference` for what is no reference but was clearly meant as one."""
    meant = "$/" if roots is _ALL else tuple(f"$/{root}" for root in roots)
    if value.startswith(meant) and _SLIP.fullmatch(value) and not pattern.search(value):
        Reference.parse(value)
    slip = _SLIP_IN_BRACES.search(pattern.sub("", value)) if "${" in value else None
    if slip and slip[1] in roots:
        raise BadReference(f"{slip[0]} is no reference: write ${{/inputs/<name>}}, from the dollar sign to the brace")


def refuse_cut(found: str, reference: Reference, tail: str, look_up: Callable[[Reference], Any]) -> None:
    """Raises `BadReference` where the text goes on with the rest of a longer name that is there as well.

    `$/inputs/dc:title` ends at the colon; if there is an input `dc:title`, somebody meant that.
    """
    if found.startswith("${") or not tail:
        return
    try:
        around = look_up(Reference(reference.path[:-1]))
    except BadReference:
        return
    name = reference.path[-1]
    for length in range(1, min(len(tail), _LONGEST_TAIL) + 1) if isinstance(around, Mapping) else ():
        if (longer := name + tail[:length]) in around:
            whole, short = _in_braces(reference.path[:-1], longer), _in_braces(reference.path)
            raise BadReference(f"{found} ends before {tail[0]!r}, but there is {longer!r}: write {whole} or {short}")


def may_name(value: Any) -> bool:
    """Whether a variable or a secret of the organisation may be named in it: a look at each text, and no more."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            if "$" in one and ("/vars/" in one or "/secrets/" in one):
                return True
        elif isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return False


def as_text(value: Any) -> str:
    """A value within a longer text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _path_in(rest: str, text: str) -> tuple[tuple[str, ...], str, bool]:
    """The path that `rest` begins with, what follows its `|`, and whether there is one."""
    names: list[str] = []
    quoted, start = False, True
    for token in _TOKEN.finditer(rest):
        word = token[0]
        if word == "|":
            return tuple(names), rest[token.end() :], True
        if word == "/":
            names.append("")
            quoted, start = False, True
        elif quoted or (word[0] == '"' and not start):
            raise BadReference(f'{text}: a name in quotes is quoted as a whole, like "a/b"')
        else:
            names[-1], quoted, start = _name(word, text), word[0] == '"', False
    return tuple(names), "", False


def _name(word: str, text: str) -> str:
    if not word.startswith('"'):
        return word
    try:
        name = str(orjson.loads(word))
    except orjson.JSONDecodeError:
        raise BadReference(f"{text}: {word} is not a name in quotes, as JSON writes it") from None
    _refuse_unstorable(name, text)
    return name


def _refuse_unstorable(value: Any, text: str) -> None:
    try:
        has_nul = b"\\u0000" in orjson.dumps(value).replace(rb"\\", b"")
    except orjson.JSONEncodeError:
        raise BadReference(f"{text[:100]}: the default is nested too deeply") from None
    if has_nul:
        raise BadReference(f"{text}: no text may hold the character U+0000")


def _literal(text: str) -> Any:
    """A default: JSON where it is some, else the text itself."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if (odd := numbers.find(text)) is not None:
        raise BadReference(f"{numbers.shown(odd[1])} is no number of 64 bits: write it in quotes")
    return value


def _in_braces(path: tuple[str, ...], *more: str) -> str:
    return "${/" + "/".join((*path, *more)) + "}"


def _end_hint(found: Any, here: tuple[str, ...], key: str) -> str:
    """How to end a reference where it was probably meant to end."""
    if isinstance(found, Mapping):
        longest = max((name for name in found if name and key.startswith(str(name))), key=len, default="")
        return f"; if it ends before {key[len(longest) :]!r}, write {_in_braces(here, longest)}" if longest else ""
    if found is None or isinstance(found, list):
        return ""
    return f"; if it ends before '/{key}', write {_in_braces(here)}"


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 40 else f"{text[:39]}…"
