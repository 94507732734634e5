"""The inputs that an automation declares in place of what the question, the agent's inputs and the day gave."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from vai_records.crystallization.origins import Path, key_of, leaves, written
from vai_records.crystallization.recording import Recording

Json = dict[str, Any]

_LONGEST_NAME: Final = 60
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")
_MOST_TEXT: Final = 200
_DAY_TEXT = "{0}, as the model wrote it: the run was on {1}. Give the one that is meant in each run"


class Inputs:
    """What is declared so far. `parameters` are the caller's own: names, and the values that they stand for."""

    @classmethod
    def of_run(cls, recording: Recording, parameters: Mapping[str, Any] | None) -> "Inputs":
        """For one look at a run."""
        return cls(recording.question, recording.inputs, parameters or {}, recording.day)

    def __init__(self, question: str, given: Mapping[str, Any], parameters: Mapping[str, Any], day: date) -> None:
        self.declared: dict[str, Json] = {}
        self.evidence: dict[str, str] = {}
        self._question = question
        self._named = {key_of(value): name for name, value in parameters.items()}
        self._unused = set(parameters)
        self._chosen: dict[tuple[str, Any], str] = {}
        self._given = {
            key_of(value): (name, *path)
            for name, whole in given.items()
            for path, value in leaves(whole)
            if value not in (None, True, False, "")
        }
        self._wholes = dict(given)
        self._days = _days(day)
        self._day = day

    @property
    def unused(self) -> list[str]:
        """Parameters whose value stands in no call."""
        return sorted(self._unused)

    def of(self, value: Any, place: Path) -> tuple[str, str] | None:
        """The reference for a whole value, and why; None if it came from none of them. `place`: where it stands."""
        key = key_of(value)
        if key in self._named:
            return self._declare(self._named[key], value, "named by the caller")
        if key in self._given:
            return self._of_agent(self._given[key])
        if isinstance(value, str) and value in self._days and not self._asks_for(value):
            name = self._days[value]
            text = _DAY_TEXT.format(_WORDS[name], self._day.isoformat())
            self.declared[name] = {"type": "string", "required": True, "description": text}
            self.evidence[name] = "the day on which the agent ran, or one beside it"
            return _reference((name,)), self.evidence[name]
        if self._asks_for(value):
            name = self._chosen.setdefault(key, self._free(_name_of(place), value))
            return self._declare(name, value, "stands in the question")
        return None

    def within(self, text: str) -> list[tuple[int, int, str, str]]:
        """The parts of a text that came from the inputs or the day: start, end, reference, why. They do not overlap."""
        found: list[tuple[int, int, str, str]] = []
        for value in sorted(self._searched(), key=lambda value: -len(written(value))):
            for match in re.finditer(rf"(?<!\w){re.escape(written(value))}(?!\w)", text):
                if all(match.end() <= start or end <= match.start() for start, end, _, _ in found):
                    reference = self.of(value, ())
                    assert reference is not None
                    found.append((match.start(), match.end(), *reference))
        return sorted(found)

    def _searched(self) -> list[Any]:
        """Values that are looked for within texts: a word of two letters stands in too many."""
        values = [value for _, value in (*self._named, *self._given)]
        return [value for value in values if len(written(value)) >= 3] + [day for day in self._days if len(day) == 10]

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

    def _free(self, name: str, value: Any) -> str:
        """The name, or it with a number, if another value has it."""
        number, chosen = 1, name
        while chosen in self.declared and self.declared[chosen].get("default") != value:
            number += 1
            chosen = f"{name}_{number}"
        return chosen

    def _asks_for(self, value: Any) -> bool:
        """Whether the question says this value, as a word of its own."""
        if isinstance(value, bool) or value is None:
            return False
        said = written(value)
        if not 2 <= len(said) <= _MOST_TEXT and not isinstance(value, int | float):
            return False
        return re.search(rf"(?<![\w.]){re.escape(said)}(?!\w)", self._question) is not None


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
    return "$/inputs/" + "/".join(map(str, path))


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


def _days(day: date) -> dict[str, str]:
    """How the day and those beside it are written, and what they are called."""
    first = day.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    return {
        day.replace(month=1, day=1).isoformat(): "year_start",
        f"{before:%Y-%m}": "last_month",
        f"{day:%Y-%m}": "month",
        before.isoformat(): "last_month_start",
        first.isoformat(): "month_start",
        (day + timedelta(days=1)).isoformat(): "tomorrow",
        (day - timedelta(days=1)).isoformat(): "yesterday",
        day.isoformat(): "today",
    }
