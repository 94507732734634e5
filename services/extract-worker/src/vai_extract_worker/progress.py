"""How far an extraction has come: the checkpoint's content, and the progress (schema version 2, document 000)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

Json = dict[str, Any]


@dataclass
class ResourceProgress:
    """One resource. `plan`, `position` and `cursor` have the source's own form. `received` and `size` are bytes.
    `requests` were sent until the last commit.

    `abandoned` counts slices that were partly committed and then given up. It is a part of file names, so that none
    comes twice.
    """

    done: bool = False
    slices_done: int = 0
    slices_total: int | None = None
    rows: int = 0
    received: int = 0
    requests: int = 0
    files: int = 0
    size: int = 0
    plan: Json | None = None
    position: Json | None = None
    cursor: Json | None = None
    columns: list[dict[str, str]] = field(default_factory=list)
    rejected: int = 0
    abandoned: int = 0

    @property
    def in_slices(self) -> bool:
        """Whether it takes more than one slice, as far as is known."""
        if self.slices_total is not None:
            return self.slices_total > 1
        return self.slices_done > int(self.done)


_NAMES = tuple(one.name for one in fields(ResourceProgress))


@dataclass(frozen=True)
class AtWork:
    """The resource that is extracted now. `rows`, `received` (bytes) and `requests` are not committed yet.
    `seconds_left` is an estimate, None if there is none.
    """

    name: str
    rows: int = 0
    received: int = 0
    requests: int = 0
    seconds_left: float | None = None


@dataclass
class Progress:
    """The whole extraction, by resource in the order of extraction. `announced` are the resources whose event was
    written.

    `given_up`: {run, errors: {resource: error}} of the resources that failed for good. This run does not try them
    again.
    """

    resources: dict[str, ResourceProgress]
    announced: list[str] = field(default_factory=list)
    given_up: Json = field(default_factory=dict)

    @classmethod
    def begin(cls, order: Sequence[str], checkpoint: Json | None) -> "Progress":
        """Made from a checkpoint, whose order is kept. Resources that it does not have come last."""
        saved = (checkpoint or {}).get("resources", {})
        before = (checkpoint or {}).get("order", [])
        known = {item.name for item in fields(ResourceProgress)}
        names = [name for name in before if name in order] + [name for name in order if name not in before]
        states = {
            name: ResourceProgress(**{key: value for key, value in saved.get(name, {}).items() if key in known})
            for name in names
        }
        return cls(states, (checkpoint or {}).get("announced", []), (checkpoint or {}).get("given_up", {}))

    def as_json(self) -> Json:
        resources = {name: _saved(state) for name, state in self.resources.items()}
        told = {"order": list(self.resources), "resources": resources, "announced": self.announced}
        return told | ({"given_up": self.given_up} if self.given_up else {})

    @property
    def done(self) -> dict[str, ResourceProgress]:
        return {name: state for name, state in self.resources.items() if state.done}

    def progress(self, failed: Sequence[str], at: AtWork | None) -> Json:
        """Progress as document 000 shows it. With a cursor it also has the number of rows."""
        return {
            "schema_version": 2,
            "resources_order": list(self.resources),
            "completed_resources": list(self.done),
            "failed_resources": list(failed),
            "in_progress_resource": at and at.name,
            "resource_cursors": {
                name: _cursor(state, at if at and at.name == name else AtWork(name))
                for name, state in self.resources.items()
                if (at and name == at.name) or (state.slices_done and state.in_slices)
            },
        }


def _cursor(state: ResourceProgress, at: AtWork) -> Json:
    known: Json = {"slices_completed": state.slices_done, "slices_total": state.slices_total}
    known |= {"rows": state.rows + at.rows, "bytes": state.received + at.received}
    if requests := state.requests + at.requests:
        known["requests"] = requests
    return known if at.seconds_left is None else known | {"estimated_seconds_left": round(at.seconds_left)}


def _saved(state: ResourceProgress) -> Json:
    """The checkpoint's content; of a finished resource only the numbers. It is written with each commit, for all
    resources, so it copies no values to save time.
    """
    given = {name: getattr(state, name) for name in _NAMES}
    return {
        name: value for name, value in given.items() if value and not (state.done and isinstance(value, dict | list))
    }
