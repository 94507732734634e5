"""The inputs that an automation declares in place of what the question, the agent's inputs and the day gave."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from vai_records.crystallization.origins import (
    Path,
    is_telling,
    key_of,
    leaves,
    reference_to,
    shares_a_word,
    wholes,
    written,
)
from vai_records.crystallization.recording import Recording

Json = dict[str, Any]

_LONGEST_NAME: Final = 60
_LONGEST: Final = 255
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")
_MOST_TEXT: Final = 2_000
_SMALL: Final = 100
_MOST_BEFORE: Final = 100
_MOST_AFTER: Final = 31
"""Days: what is farther from the run is a day that somebody chose."""
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_TEXT = "{0}, as the model wrote it: the run was on {1}. Give the one that is meant in each run"


class Inputs:
    """What is declared so far. `parameters` are the caller's own: names, and the values that they stand for."""

    @classmethod
    def of_run(cls, recording: Recording, parameters: Mapping[str, Any] | None, said: Collection[str] = ()) -> "Inputs":
        """For one look at a run. `said`: texts of the question that an earlier look found as whole values."""
        return cls(recording, parameters or {}, said)

    def __init__(self, recording: Recording, parameters: Mapping[str, Any], said: Collection[str]) -> None:
        self.declared: dict[str, Json] = {}
        self.evidence: dict[str, str] = {}
        self.said = set(said)
        self._question = recording.question
        self._named = {key_of(value): (name, value) for name, value in parameters.items()}
        self._owners = {name: f"caller {name}" for name in parameters}
        self._unused = set(parameters)
        self._chosen: dict[str, str] = {}
        self._wholes = {self._own(_fitting(name), f"agent {name}"): whole for name, whole in recording.inputs.items()}
        self._given: dict[tuple[str, Any], tuple[Path, Any]] = {}
        for name, whole in self._wholes.items():
            for path, value in (*leaves(whole), *wholes(whole)):
                if value is not None and value != "" and not isinstance(value, bool) and "" not in path:
                    self._given.setdefault(key_of(value), ((name, *path), value))
        self._days = _days(recording.day, recording.question)
        self._day = recording.day

    @property
    def unused(self) -> list[str]:
        """Parameters whose value stands in no call."""
        return sorted(self._unused)

    def of(self, value: Any, place: Path, *, asked: bool = True) -> tuple[str, str] | None:
        """The reference for a whole value, and why; None if it did not surely come from them. `place`: where it is.
        `asked`: whether it may come from the question.
        """
        key = key_of(value)
        if key in self._named:
            return self._declare(self._named[key][0], value, "named by the caller")
        if key in self._given and (not _is_small(value) or shares_a_word(place, self._given[key][0])):
            return self._of_agent(self._given[key][0])
        return self._asked(value, place) if asked and is_telling(value) and not self._is_day(value) else None

    def perhaps(self, value: Any, place: Path) -> tuple[str, str] | None:
        """The same for what a result of the same name would explain better: days, short words, small numbers."""
        if self._is_day(value):
            return self._of_day(value)
        return self._asked(value, place)

    def later(self, value: Any) -> tuple[str, str] | None:
        """The same for a day that is near the run's and came from nowhere else, such as seven days before."""
        if not isinstance(value, str) or not _ISO_DAY.fullmatch(value):
            return None
        try:
            days = (self._day - date.fromisoformat(value)).days
        except ValueError:
            return None
        if not -_MOST_AFTER <= days <= _MOST_BEFORE:
            return None
        name, words = (f"days_ago_{days}", "before") if days > 0 else (f"in_days_{-days}", "after")
        return self._declare_day(name, f"{abs(days)} days {words} the day of the run")

    def within(self, text: str, *, alone: bool) -> list[tuple[int, int, str, str]]:
        """The parts of a text that came from the inputs or the day: start, end, reference, why. They do not overlap.
        `alone`: whether a number may be the whole text, which its reference then is no more.
        """
        found: list[tuple[int, int, str, str]] = []
        searched = [(value, refer) for value, refer in self._searched() if written(value) in text]
        for value, refer in sorted(searched, key=lambda one: -len(written(one[0]))):
            if not alone and not isinstance(value, str) and written(value) == text:
                continue
            for match in re.finditer(_alone(value), text):
                if all(match.end() <= start or end <= match.start() for start, end, _, _ in found):
                    found.append((match.start(), match.end(), *refer()))
        return sorted(found)

    def _searched(self) -> Iterator[tuple[Any, Callable[[], tuple[str, str]]]]:
        """Values that are looked for within texts, and their references: a word of two letters stands in too many."""
        for name, value in self._named.values():
            if _is_word(value):
                yield value, partial(self._declare, name, value, "named by the caller")
        for path, value in self._given.values():
            if _is_word(value):
                yield value, partial(self._of_agent, path)
        for value in self.said:
            yield value, partial(self._asked_for_sure, value)
        for day in self._days:
            if self._is_day(day) and len(day) >= 8:
                yield day, partial(self._of_day, day)

    def _is_day(self, value: Any) -> bool:
        return isinstance(value, str) and value in self._days and not self._asks_for(value)

    def _of_day(self, value: str) -> tuple[str, str]:
        return self._declare_day(*self._days[value])

    def _declare_day(self, name: str, words: str) -> tuple[str, str]:
        text = _DAY_TEXT.format(words, self._day.isoformat())
        name = self._own(name, f"day {name}")
        self.declared[name] = {"type": "string", "required": True, "description": text}
        self.evidence[name] = "the day on which the agent ran, or one beside it"
        return _reference((name,)), self.evidence[name]

    def _asked(self, value: Any, place: Path) -> tuple[str, str] | None:
        if not self._asks_for(value):
            return None
        name = _name_of(place)
        if isinstance(value, str) and is_telling(value):
            self.said.add(value)
        # A small number may be two things in one question.
        owner = f"question {key_of(value)} {name if _is_small(value) else ''}"
        if owner not in self._chosen:
            self._chosen[owner] = self._own(name, owner)
        return self._declare(self._chosen[owner], value, "stands in the question")

    def _asked_for_sure(self, value: str) -> tuple[str, str]:
        found = self._asked(value, ())
        assert found is not None
        return found

    def _of_agent(self, path: Path) -> tuple[str, str]:
        name = str(path[0])
        self.declared.setdefault(name, _declared(self._wholes[name]))
        self.evidence.setdefault(name, "an input of the agent's run")
        return _reference(path), "an input of the agent's run"

    def _declare(self, name: str, value: Any, why: str) -> tuple[str, str]:
        self._unused.discard(name)
        self.declared.setdefault(name, _declared(value))
        self.evidence.setdefault(name, why)
        return _reference((name,)), why

    def _own(self, name: str, owner: str) -> str:
        """The name, or it with a number, if it stands for something else."""
        number, chosen = 1, name
        while self._owners.setdefault(chosen, owner) != owner:
            number += 1
            chosen = f"{name[: _LONGEST - 4]}_{number}"
        return chosen

    def _asks_for(self, value: Any) -> bool:
        """Whether the question says this value, as a word of its own."""
        if isinstance(value, bool | dict | list) or value is None:
            return False
        said = written(value)
        if not 2 <= len(said) <= _MOST_TEXT and not isinstance(value, int | float):
            return False
        if said.lower() not in self._question.lower():
            return False
        how = re.IGNORECASE if isinstance(value, str) and is_telling(value) else 0
        return re.search(_alone(value), self._question, how) is not None


def _alone(value: Any) -> str:
    """A pattern for a value that is no part of a longer word or number; a time may follow a day."""
    said = written(value)
    before, after = r"(?<![\w.])" if said[:1].isalnum() else "", r"(?!\w|[.,:]\d)" if said[-1:].isalnum() else ""
    if isinstance(value, str) and not said.isdigit():
        before, after = before and r"(?<!\w)", after and r"(?!\w)"
    if re.fullmatch(r"[0-9]{4}[-/]?[0-9]{2}[-/]?[0-9]{2}", said):  # as in sales_20260317.csv
        before, after = r"(?<![^\W_])", r"(?![^\W_])|(?=T\d)"
    return f"{before}{re.escape(said)}(?:{after})"


def _is_small(value: Any) -> bool:
    """Whether it is a number that is another thing in the next place."""
    return isinstance(value, int | float) and abs(value) < _SMALL


def _is_word(value: Any) -> bool:
    return not isinstance(value, dict | list) and len(written(value)) >= 3


def _fitting(name: str) -> str:
    """The name, or what of it can be the name of an input."""
    return re.sub(r"""[/{}"\\\x00-\x1f\x7f]+""", "_", name).strip()[:_LONGEST].strip() or "value"


def _declared(value: Any) -> Json:
    return {"type": _type_of(value), "default": value}


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _name_of(place: Path) -> str:
    names = [part for part in place if isinstance(part, str)]
    name = _NO_NAME.sub("_", names[-1] if names else "").strip("_")[:_LONGEST_NAME]
    return name or "value"


def _reference(path: Path) -> str:
    return reference_to(("inputs", *path))


_WORDS: Final = {
    "today": "The day of the run",
    "yesterday": "The day before",
    "tomorrow": "The day after",
    "month_start": "The first day of the month",
    "last_month_start": "The first day of the month before",
    "month": "The month",
    "last_month": "The month before",
    "year_start": "The first day of the year",
}


_WRITTEN: Final = {"%Y%m%d": "compact", "%d.%m.%Y": "dotted", "%Y/%m/%d": "slashed"}
"""Other ways to write a day, and what they add to the name of the input."""


def _days(day: date, question: str) -> dict[str, tuple[str, str]]:
    """How the day and those beside it are written, what they are called, and what that means.

    A day may be two of them, as yesterday is the first of the month on the second. Then it is what the question speaks
    of, else the one that is named last.
    """
    first = day.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    months = {f"{before:%Y-%m}": "last_month", f"{day:%Y-%m}": "month"}
    days = {
        "year_start": day.replace(month=1, day=1),
        "last_month_start": before,
        "month_start": first,
        "tomorrow": day + timedelta(days=1),
        "yesterday": day - timedelta(days=1),
        "today": day,
    }
    spoken = [name for name in days if re.search(rf"\b{name.partition('_start')[0].replace('_', ' ')}", question, re.I)]
    named = {}
    for name in (*days, *spoken):
        one = days[name]
        named[one.isoformat()] = (name, _WORDS[name])
        for form, called in _WRITTEN.items():
            named[f"{one:{form}}"] = (f"{name}_{called}", f"{_WORDS[name]}, written like {one:{form}}")
    return named | {said: (name, _WORDS[name]) for said, name in months.items()}
