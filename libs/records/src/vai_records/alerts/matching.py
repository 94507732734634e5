"""What a rule wants to be told (pure): by what happened, and by the filters of the rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args
from uuid import UUID

What = Literal["failed", "partial", "late", "awaiting_approval", "schedule_missed"]
"""What a rule can tell. `partial`: a run completed, and parts of it failed. `late`: it should have ended by now."""

WHATS: Final[tuple[str, ...]] = get_args(What)

Json = dict[str, Any]


@dataclass(frozen=True)
class News:
    """Something that happened to a run, an automation run, or (a time that was missed) to an automation."""

    what: str
    subject_id: UUID
    is_run: bool = False
    kind: str | None = None
    action_id: UUID | None = None
    automation_id: UUID | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_step(self) -> bool:
        return self.is_run and self.automation_id is not None


@dataclass(frozen=True)
class Filters:
    """Of a rule. An empty field does not filter; news have to pass all of them."""

    kinds: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    automations: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Json) -> "Filters":
        """From a rule's column."""
        kinds, actions, automations = (
            frozenset(stored.get(name) or ()) for name in ("kinds", "actions", "automations")
        )
        return cls(kinds, actions, automations, stored.get("labels") or {})

    def let_through(self, news: News) -> bool:
        """Whether the rule tells it.

        That a step's run failed is told by its automation, if that fails of it, and here only by rules that name kinds
        or actions: nobody wants two messages for one failure, or one for a failure that the automation deals with.
        """
        if news.what == "failed" and news.is_of_step and not (self.kinds or self.actions):
            return False
        return (
            (not self.kinds or news.kind in self.kinds)
            and (not self.actions or str(news.action_id) in self.actions)
            and (not self.automations or str(news.automation_id) in self.automations)
            and self.labels.items() <= news.labels.items()
        )
