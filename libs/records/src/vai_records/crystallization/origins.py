"""Where a value of a call came from: an earlier result, the question, the inputs, the day.

A match by chance is worse than none: with other inputs the automation would do something else, and nobody would see
why. So a small number or a short word is taken for a value of a result only where the two have the same name, too.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from vai_records.automations.reference_text import as_text

Path = tuple[str | int, ...]

_MOST_LEAVES: Final = 20_000
_MOST_WHOLES: Final = 2_000
_LONGEST: Final = 2_000
_DEEPEST: Final = 30
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_WORD = re.compile(r"\w+")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_PLAIN_WORDS = frozenset(
    ("true", "false", "null", "none", "asc", "desc", "json", "text", "html", "http", "https", "post", "patch", "name")
)


@dataclass(frozen=True)
class Leaf:
    """A value of the result of a call, and its path in there."""

    call: int
    path: Path
    value: Any


def leaves(value: Any) -> Iterator[tuple[Path, Any]]:
    """All values that are neither lists nor objects, with their paths; a bounded number, and none that is very deep."""
    rest: list[tuple[Path, Any]] = [((), value)]
    count = 0
    while rest and count < _MOST_LEAVES:
        path, one = rest.pop()
        if isinstance(one, dict) and len(path) < _DEEPEST:
            rest.extend(((*path, key), one[key]) for key in reversed(list(one)))
        elif isinstance(one, list) and len(path) < _DEEPEST:
            rest.extend(((*path, place), one[place]) for place in reversed(range(len(one))))
        elif not isinstance(one, dict | list):
            count += 1
            yield path, one


def is_telling(value: Any) -> bool:
    """Whether two equal values of this kind are hardly ever equal by chance."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, dict | list):
        inside = [one for _, one in islice(leaves(value), 3)]
        return len(inside) >= 3 or (isinstance(value, list) and any(map(is_telling, inside)))
    if isinstance(value, int):
        return abs(value) >= 100_000
    if isinstance(value, float):
        return len(repr(value).replace(".", "").strip("-0")) >= 5
    return isinstance(value, str) and 4 <= len(value) <= _LONGEST and value.lower() not in _PLAIN_WORDS


def wholes(value: Any) -> Iterator[tuple[Path, Any]]:
    """The lists and objects in a value that are handed on as wholes, as far as `leaves` goes."""
    rest: list[tuple[Path, Any]] = [((), value)]
    count = 0
    while rest and count < _MOST_WHOLES:
        path, one = rest.pop()
        inner = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        if isinstance(one, dict | list) and len(path) < _DEEPEST:
            count += 1
            rest.extend(((*path, name), part) for name, part in inner)
            if is_telling(one):
                yield path, one


def shares_a_word(place: Path, found: Path) -> bool:
    """Whether two names have a word in common: `shops_id` and `shop`."""
    words = {_single(word) for name in _named(place)[-1:] for word in _words(name)}
    return bool(words & {_single(word) for name in _named(found) for word in _words(name)})


def has_same_name(place: Path, found: Path) -> bool:
    """Whether an argument is called as the value in the result: `customer_id` as `customers/0/id`, `id` as `id`."""
    wanted, there = _named(place), _named(found)
    if not wanted or not there:
        return False
    if wanted[-1].lower() == there[-1].lower():
        return True
    last = [_single(word) for word in _words(wanted[-1])]
    around = [_single(word) for name in there[-2:] for word in _words(name)]
    return len(last) > 1 and last == around[-len(last) :]


def _named(path: Path) -> list[str]:
    return [part for part in path if isinstance(part, str)]


def _words(name: str) -> list[str]:
    return [word.lower() for word in _NAME_PART.findall(name)]


def _single(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


class Known:
    """The values of all results so far, to be asked where a value came from."""

    def __init__(self) -> None:
        self._whole: dict[tuple[str, Any], list[Leaf]] = defaultdict(list)
        self._begin: dict[str, list[Leaf]] = defaultdict(list)

    def add(self, call: int, result: Any, given: Mapping[str, Any] | None = None) -> None:
        """The result of a call, which later calls may have used; a text that only says again what the call was `given`
        (its URL, its query) came from where that came from.
        """
        own = {key_of(value) for part in (leaves(given), wholes(given)) for _, value in part
               if is_telling(value) and not _is_number(value)}  # fmt: skip
        for path, value in wholes(result):
            if (key := key_of(value)) not in own and "" not in path:
                self._whole[key].append(Leaf(call, path, value))
        for path, value in leaves(result):
            if (key := key_of(value)) in own or "" in path:  # a reference cannot name what has no name
                continue
            leaf = Leaf(call, path, value)
            self._whole[key].append(leaf)
            if (is_telling(value) or _is_number(value)) and (first := _WORD.search(written(value))):
                self._begin[first[0]].append(leaf)

    def of(self, value: Any, place: Path) -> tuple[Leaf | None, int]:
        """The leaf that a whole value came from, and how many others have it too. `place`: where the value stands."""
        there = self._whole.get(key_of(value), [])
        if not is_telling(value):
            there = [leaf for leaf in there if has_same_name(place, leaf.path)]
            # Two of one name in one result: it may be either, so it is neither.
            if len({leaf.path for leaf in there if leaf.call == max(one.call for one in there)}) > 1:
                return None, len(there) - 1
        return _best(there, place), max(0, len(there) - 1)

    def alike(self, value: Any) -> list[Leaf]:
        """Leaves with the same value, whatever they are called."""
        return self._whole.get(key_of(value), [])

    def within(self, text: str, place: Path) -> list[tuple[int, int, Leaf, int]]:
        """The parts of a text that are values of results: start, end, leaf, how many others. They do not overlap."""
        found: list[tuple[int, int, Leaf, int]] = []
        end = 0
        for match in _WORD.finditer(text):
            if match.start() < end:
                continue
            there = [leaf for leaf in self._begin.get(match[0], ()) if self._stands(text, match.start(), leaf.value)]
            if not there:
                continue
            longest = max(len(written(leaf.value)) for leaf in there)
            there = [leaf for leaf in there if len(written(leaf.value)) == longest]
            leaf = _best(there, place)
            assert leaf is not None
            begin = match.start() - _before(written(leaf.value))
            end = begin + longest
            found.append((begin, end, leaf, len(there) - 1))
        return found

    @staticmethod
    def _stands(text: str, at: int, value: Any) -> bool:
        said = written(value)
        begin = at - _before(said)
        after = text[begin + len(said) : begin + len(said) + 1]
        before = text[begin - 1 : begin] if begin > 0 else ""
        if begin < 0 or not text.startswith(said, begin) or _joins(before, said[:1]) or _joins(said[-1:], after):
            return False
        if is_telling(value):
            return True
        # A number within a text: of three digits or more, and not a part of a longer number such as 1.234 or 12:30.
        digits = len(said.strip("-").replace(".", ""))
        beside = text[begin + len(said) : begin + len(said) + 2]
        return digits >= 3 and not re.match(r"[.,:/-]\d", beside) and before not in tuple(".,:/-$#")


def _before(said: str) -> int:
    """How many characters stand before the first word of a value."""
    first = _WORD.search(said)
    return first.start() if first else 0


def _joins(left: str, right: str) -> bool:
    return bool(left and right and (left.isalnum() or left == "_") and (right.isalnum() or right == "_"))


def _best(there: list[Leaf], place: Path) -> Leaf | None:
    """One with the same name first, then of the latest call, then the one nearest to its top."""
    return min(there, key=lambda leaf: (not has_same_name(place, leaf.path), -leaf.call, len(leaf.path)), default=None)


def key_of(value: Any) -> tuple[str, Any]:
    """Equal for equal JSON values: true is no 1, and a text is no number."""
    if isinstance(value, bool) or value is None:
        return ("word", value)
    if isinstance(value, dict | list):
        return ("whole", json.dumps(value, sort_keys=True))
    return ("number", value) if _is_number(value) else ("text", value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def written(value: Any) -> str:
    """A value as it stands within a text, which is how a reference writes it there."""
    return as_text(value) if isinstance(value, float) else str(value)


def reference_to(path: Path, *, braces: bool = False) -> str:
    """`$/steps/load/result/rows`; in braces where anything may follow, or where a name has more than usual letters."""
    inner = "/" + "/".join(map(_written_name, path))
    plain = all(_PLAIN_NAME.fullmatch(str(part)) for part in path)
    return f"${inner}" if plain and not braces else f"${{{inner}}}"


def _written_name(part: str | int) -> str:
    """A name as it stands between braces: in quotes, as JSON writes it, where it has more than usual characters."""
    said = str(part)
    if re.fullmatch(r"[\w .:-]*[\w.:-]", said) and said == said.strip():
        return said
    # It may stand in a literal of SQL, and hold what would begin a reference.
    return json.dumps(said).replace("'", "\\u0027").replace("$", "\\u0024")
