"""Filters of runs, for lists and for decisions about many (document 003)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Any
from uuid import UUID

from vai_common.ids import least_of
from vai_records.runs.row import RunRow

_SLACK = timedelta(hours=1)
"""More than the largest difference between the time in a run's id and that of its row: clocks differ, and a busy
database delays rows.
"""

_OF_AUTOMATION = """id IN (
    SELECT s.run_id FROM automation_runs a JOIN automation_steps s ON s.automation_run_id = a.id
    WHERE a.org_id = $1 AND a.automation_id = ${}
)"""
# A run is kept with its agent from its beginning on; before, its definition says which.
_OF_AGENT = """id IN (
    SELECT run_id FROM agent_runs WHERE org_id = $1 AND agent_id = ${0}
    UNION ALL SELECT id FROM runs
    WHERE org_id = $1 AND kind = 'call_agent' AND phase <> 'done' AND definition ->> 'agent' = ANY(${1}::text[])
)"""
# An action is found by its name; so are its runs.
_HAS_TEXT = """(position(lower(${0}) IN lower(concat_ws(' ', concurrency_key, idempotency_key, trigger_source_id,
    error ->> 'message'))) > 0 OR action_id IN (
    SELECT id FROM actions WHERE org_id = $1 AND position(lower(${0}) IN lower(name || ' ' || slug)) > 0
))"""

Condition = tuple[str, *tuple[Any, ...]]
"""SQL with a place `{}` for each of its values, and the values."""


@dataclass(frozen=True)
class OfAgent:
    """The runs of an agent; `names` are what definitions call it, its id and its slug."""

    id: UUID
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RunFilters:
    """The filters. An empty field does not filter."""

    action_id: UUID | None = None
    parent_run_id: UUID | None = None
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    connection_id: UUID | None = None
    automation_id: UUID | None = None
    agent: "OfAgent | None" = None
    trigger_methods: tuple[str, ...] = ()
    trigger_source_id: str | None = None
    created_by: UUID | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    """The end, exclusive."""
    labels: tuple[str, ...] = ()
    """Each `key=value`, or `key` for any value; a run has all of them."""
    text: str | None = None
    """A part of the action's name or slug, a key, the trigger's source or the error's message; case does not matter."""
    ids: tuple[UUID, ...] | None = None
    """One of these: what was found by labels that few runs have."""

    def with_statuses(self, statuses: tuple[str, ...]) -> "RunFilters":
        return replace(self, statuses=statuses)

    @property
    def empty(self) -> bool:
        return self == RunFilters()

    @property
    def has_own_index(self) -> bool:
        """Whether the filters match few runs that an index finds."""
        return self.ids is not None or any(
            (self.action_id, self.parent_run_id, self.connection_id, self.automation_id, self.agent)
        )

    @property
    def reads_rows(self) -> bool:
        """Whether runs may have to be read that do not match, as many as there are."""
        unknown = (self.labels, self.text, self.trigger_methods, self.trigger_source_id, self.created_by)
        return any(unknown)

    @property
    def counts_fast(self) -> bool:
        """Whether an index alone is enough to count the runs. Documents 001 and 003 have these filters."""
        return all(
            not getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("action_id", "parent_run_id", "kinds", "statuses")
        )

    def conditions(self, org_id: UUID) -> Iterator[Condition]:
        """Only the filters that are set, so that each list uses its index; the organisation comes first, as $1."""
        yield "org_id = ${}", org_id
        given: tuple[tuple[str, Any], ...] = (
            ("action_id = ${}", self.action_id),
            ("parent_run_id = ${}", self.parent_run_id),
            ("connection_id = ${}", self.connection_id),
            (_OF_AUTOMATION, self.automation_id),
            ("kind = ANY(${}::text[])", list(self.kinds) or None),
            ("status = ANY(${}::text[])", list(self.statuses) or None),
            ("trigger_method = ANY(${}::text[])", list(self.trigger_methods) or None),
            ("trigger_source_id = ${}", self.trigger_source_id),
            ("created_by = ${}", self.created_by),
            ("id = ANY(${}::uuid[])", None if self.ids is None else list(self.ids)),
            (_HAS_TEXT, self.text),
        )
        yield from ((text, value) for text, value in given if value is not None)
        if self.agent is not None:
            yield _OF_AGENT, self.agent.id, list(self.agent.names)
        yield from self._labelled()
        yield from self._times()

    def _labelled(self) -> Iterator[Condition]:
        """For labels that many runs have; `ids` are those of the others."""
        if not self.labels or self.ids is not None:
            return
        pairs = [label.partition("=") for label in self.labels]
        valued = [{key: value} for key, is_pair, value in pairs if is_pair]
        if valued:
            yield "labels @> ALL(${}::jsonb[])", valued
        if keys := [key for key, is_pair, _ in pairs if not is_pair]:
            yield "labels ?& ${}::text[]", keys

    def _times(self) -> Iterator[Condition]:
        """The id has the time, too: the index over ids is read within these bounds only."""
        if self.created_from is not None:
            yield "created_at >= ${}", self.created_from
            if self.created_from.year > MINYEAR:
                yield "id >= ${}", least_of(self.created_from - _SLACK)
        if self.created_until is not None:
            yield "created_at < ${}", self.created_until
            if self.created_until.year < MAXYEAR:
                yield "id < ${}", least_of(self.created_until + _SLACK)

    def mean(self, run: RunRow) -> bool:
        """Whether a run matches, whatever its status. `automation_id`, `agent` and `text` are ignored: only the
        database can check them.
        """
        return (
            (not self.kinds or run["kind"] in self.kinds)
            and (self.action_id is None or run["action_id"] == self.action_id)
            and (self.parent_run_id is None or run["parent_run_id"] == self.parent_run_id)
            and (self.connection_id is None or run["connection_id"] == self.connection_id)
            and (self.created_by is None or run["created_by"] == self.created_by)
            and (self.created_from is None or run["created_at"] >= self.created_from)
            and (self.created_until is None or run["created_at"] < self.created_until)
            and (self.trigger_source_id is None or run["trigger_source_id"] == self.trigger_source_id)
            and (not self.trigger_methods or run["trigger_method"] in self.trigger_methods)
            and (not self.labels or _has_all(run["labels"] or {}, self.labels))
        )


def _has_all(has: dict[str, str], wanted: tuple[str, ...]) -> bool:
    pairs = [label.partition("=") for label in wanted]
    return all(has.get(key) == value if is_pair else key in has for key, is_pair, value in pairs)


def where(conditions: Iterable[Condition]) -> tuple[str, list[Any]]:
    """The conditions of runs that are not deleted as SQL, and the values of its places."""
    texts, values = ["deleted_at IS NULL"], list[Any]()
    for text, *given in conditions:
        texts.append(text.format(*range(len(values) + 1, len(values) + len(given) + 1)))
        values += given
    return " AND ".join(texts), values
