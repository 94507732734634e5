"""Where a value of a call came from: an earlier result, the question, the inputs, the day.

A match by chance is worse than none: with other inputs the automation would do something else, and nobody would see
why. So a small number or a short word is taken for a value of a result only where the two have the same name, too.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from vai_records.automations.reference_text import as_text

Path = tuple[str | int, ...]
_Key = tuple[str, Any]
Source = tuple[Path, Any, _Key]
"""A value in a result, and what is equal for equal ones."""

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
_USUAL_WORDS: Final = frozenset(
    ("active", "inactive", "enabled", "disabled", "open", "opened", "close", "closed", "pending", "draft",
     "paid", "unpaid", "sent", "done", "started", "running", "waiting", "queued", "failed", "failure",
     "completed", "complete", "cancelled", "canceled", "approved", "rejected", "accepted", "error", "success",
     "valid", "invalid", "ready", "idle", "online", "offline", "archived", "deleted", "created", "updated",
     "changed", "published", "unknown", "other", "default", "high", "medium", "normal", "urgent", "critical",
     "major", "minor", "warning", "warn", "info", "debug", "alert", "notice", "email", "mail", "phone", "chat",
     "slack", "call", "push", "letter", "invoice", "order", "orders", "customer", "customers", "user", "users",
     "admin", "owner", "guest", "public", "private", "internal", "external", "local", "global", "test", "live",
     "prod", "production", "staging", "main", "yaml", "file", "data", "list", "table", "hour", "hourly", "daily",
     "week", "weekly", "month", "monthly", "quarter", "year", "yearly", "once", "never", "always", "auto",
     "manual", "type", "kind", "value", "total", "count", "first", "last", "next", "left", "right", "both",
     "full", "small", "large", "standard", "basic", "express", "euro", "euros", "dollar", "dollars", "percent",
     "piece", "pieces", "unit", "units", "item", "items")
)  # fmt: skip
"""Words that two things may well have both: kinds, states, levels, ways, times, units."""
_LEAST_DIGITS: Final = 4
_LARGE: Final = 100_000
_HOURS: Final = (*range(1, 25), *(24 * days for days in (*range(2, 32), 60, 90, 120, 180, 360, 365, 366)))
_TYPED: Final = (123_456, 1_234_567, 12_345_678, 123_456_789)
_PLAIN_NUMBERS: Final = frozenset((*_TYPED, *(hours * 3_600 * unit for hours in _HOURS for unit in (1, 1_000))))
"""Durations in seconds and milliseconds, and what people type who want any number."""
_SIZE: Final = 2**16
_BOUNDS: Final = frozenset(
    ("limit", "limits", "max", "maximum", "min", "minimum", "most", "least", "cap", "quota", "budget",
     "threshold", "timeout", "ttl", "interval", "delay", "wait", "page", "chunk", "batch", "buffer", "window",
     "retries", "attempts", "capacity", "ceiling", "floor")
)  # fmt: skip


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
        return abs(value) >= _LARGE and not _is_plain_number(abs(value))
    if isinstance(value, float):
        return len(_digits_of(value)) >= 5 and len(set(_digits_of(value))) > 1
    return isinstance(value, str) and len(value) >= 4 and value.lower() not in _PLAIN_WORDS


def _digits_of(value: float) -> str:
    """The digits that say something: no zeros at either end."""
    return repr(value).replace(".", "").strip("-0")


def _is_plain_number(value: int) -> bool:
    """Whether it is a size in computers' units, a duration, or one digit again and again."""
    return len(set(str(value))) == 1 or value % _SIZE in (0, _SIZE - 1) or value in _PLAIN_NUMBERS


def _is_chosen(value: Any, place: Path) -> bool:
    """Whether somebody may well have set it: a usual word, or a round number under a bound's name (`max_tokens`)."""
    if isinstance(value, str):
        return value.lower() in _USUAL_WORDS
    if not _is_number(value) or len(_digits_of(value)) >= _LEAST_DIGITS:
        return False
    return any(word in _BOUNDS for name in _named(place)[-1:] for word in _words(name))


def _is_id(value: Any, path: Path) -> bool:
    """Whether it is a large number that a result calls an id: that names one thing, also where it is a plain number."""
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGE
    return is_large and any("id" in _words(name) for name in _named(path)[-1:])


def says_something(value: Any) -> bool:
    """Whether a number is no round and no small one, so that somebody has found or worked it out."""
    return _is_number(value) and (is_telling(value) or len(_digits_of(value)) >= _LEAST_DIGITS - 1)


def wholes(value: Any) -> Iterator[tuple[Path, Any]]:
    """The lists and objects in a value that are handed on as wholes, as far as `leaves` goes."""
    rest = deque[tuple[Path, Any]]([((), value)] if isinstance(value, dict | list) else [])
    count = 0
    while rest and count < _MOST_WHOLES:
        path, one = rest.popleft()
        inner = one.items() if isinstance(one, dict) else enumerate(one)
        count += 1
        if len(path) < _DEEPEST:
            rest.extend(((*path, name), part) for name, part in inner if isinstance(part, dict | list))
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


def sources_of(result: Any, given: Mapping[str, Any]) -> list[Source]:
    """The values of a result that later calls may have used. A text that only says again what the call was `given` (its
    URL, its query) came from where that came from; and a reference cannot name what has no name.
    """
    own = {key_of(value) for part in (leaves(given), wholes(given)) for _, value in part
           if is_telling(value) and not _is_number(value)}  # fmt: skip
    found = ((path, value, key_of(value)) for path, value in chain(wholes(result), leaves(result)))
    return [one for one in found if one[2] not in own and "" not in one[0]]


class Known:
    """The values of all results so far, to be asked where a value came from.

    Of equal values under one name only the latest is kept, and of texts it is known how long they are: a run of many
    calls with many equal values takes no longer than others.
    """

    def __init__(self) -> None:
        self._whole: dict[_Key, dict[Path, Leaf]] = defaultdict(dict)
        self._count: dict[_Key, int] = defaultdict(int)
        self._twice: set[tuple[_Key, int, Path]] = set()
        self._said: dict[str, list[_Key]] = defaultdict(list)
        self._shapes: dict[str, set[tuple[int, int]]] = defaultdict(set)

    def add(self, call: int, sources: Iterable[Source]) -> None:
        """The values of the result of a call, which later calls may have used."""
        for path, value, key in sources:
            if not self._count[key]:
                self._add_text(key, value)
            self._count[key] += 1
            same = self._whole[key]
            names = tuple(_named(path)[-2:])
            before = same.get(names)
            if before is None or before.call != call:
                same[names] = Leaf(call, path, value)
            else:
                self._twice.add((key, call, names))

    def _add_text(self, key: _Key, value: Any) -> None:
        if isinstance(value, dict | list) or not (is_telling(value) or _is_number(value)):
            return
        said = written(value)
        if len(said) > _LONGEST:
            return
        if first := _WORD.search(said):
            self._said[said].append(key)
            self._shapes[first[0]].add((first.start(), len(said)))

    def of(self, value: Any, place: Path) -> tuple[Leaf | None, int]:
        """The leaf that a whole value came from, and how many others have it too. `place`: where the value stands."""
        key = key_of(value)
        there = list(self._whole[key].values()) if key in self._whole else []
        ids = [leaf for leaf in there if _is_id(value, leaf.path)]
        if (ids or is_telling(value)) and not _is_chosen(value, place):
            return _best(ids or there, place), max(0, self._count.get(key, 0) - 1)
        there = [leaf for leaf in there if has_same_name(place, leaf.path)]
        latest = [leaf for leaf in there if leaf.call == max(one.call for one in there)]
        # Two of one name in one result: it may be either, so it is neither.
        if len(latest) > 1 or any((key, leaf.call, tuple(_named(leaf.path)[-2:])) in self._twice for leaf in latest):
            return None, len(there) - 1
        return _best(there, place), max(0, len(there) - 1)

    def alike(self, value: Any) -> list[Leaf]:
        """Leaves with the same value, whatever they are called."""
        key = key_of(value)
        return list(self._whole[key].values()) if key in self._whole else []

    def within(self, text: str, place: Path) -> list[tuple[int, int, Leaf, int]]:
        """The parts of a text that are values of results: start, end, leaf, how many others. They do not overlap.
        A usual word is none in an argument: there the model may have written it by itself.
        """
        found: list[tuple[int, int, Leaf, int]] = []
        end = 0
        for match in _WORD.finditer(text):
            if match.start() < end:
                continue
            shapes = sorted(self._shapes.get(match[0], ()), key=lambda shape: -shape[1])
            for before, length in shapes:
                begin = match.start() - before
                keys = self._standing(text, begin, length) if begin >= end else []
                keys = [key for key in keys if not place or not _is_chosen(key[1], ())]
                if keys:
                    there = [leaf for key in keys for leaf in self._whole[key].values()]
                    leaf = _best(there, place)
                    assert leaf is not None
                    end = begin + length
                    found.append((begin, end, leaf, sum(self._count[key] for key in keys) - 1))
                    break
        return found

    def _standing(self, text: str, begin: int, length: int) -> list[_Key]:
        """The values that stand there, and not as a part of a longer word or number."""
        said = text[begin : begin + length]
        keys = self._said.get(said)
        after, before = text[begin + length : begin + length + 2], text[begin - 1 : begin] if begin else ""
        if not keys or _joins(before, said[:1]) or _joins(said[-1:], after[:1]):
            return []
        # A number within a text: of three digits or more, and not a part of a longer number such as 1.234 or 12:30.
        is_alone = not re.match(r"[.,:/-]\d", after) and before not in tuple(".,:/-$#")
        is_number = len(said.strip("-").replace(".", "")) >= 3 and is_alone
        return [key for key in keys if is_number or is_telling(key[1])]


def _joins(left: str, right: str) -> bool:
    return bool(left and right and (left.isalnum() or left == "_") and (right.isalnum() or right == "_"))


def _best(there: list[Leaf], place: Path) -> Leaf | None:
    """One with the same name first, then of the latest call, then the one nearest to its top."""
    return min(there, key=lambda leaf: (not has_same_name(place, leaf.path), -leaf.call, len(leaf.path)), default=None)


def key_of(value: Any) -> _Key:
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
