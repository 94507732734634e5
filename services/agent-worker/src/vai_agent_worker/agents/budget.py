"""What an agent's run has used, and which of its limits is reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent
from vai_records.agents.definition import Limits
from vai_records.agents.turns import Turn, was_made

Json = dict[str, Any]


@dataclass(frozen=True)
class Used:
    """By a run so far. `dollars` None: a model's price is not known."""

    steps: int
    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    seconds: float

    @classmethod
    def by(cls, turns: Sequence[Turn], started_at: datetime | None) -> "Used":
        known = all(turn.dollars is not None for turn in turns)
        return cls(
            steps=len(turns),
            calls=sum(1 for turn in turns for call in turn.calls or [] if was_made(call)),
            input_tokens=sum(turn.input_tokens for turn in turns),
            output_tokens=sum(turn.output_tokens for turn in turns),
            dollars=sum(turn.dollars or 0.0 for turn in turns) if known else None,
            seconds=0.0 if started_at is None else max(0.0, (now() - started_at).total_seconds()),
        )

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def as_json(self) -> Json:
        return {
            "steps": self.steps,
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "tokens": self.tokens,
            "dollars": None if self.dollars is None else round(self.dollars, 6),
            "seconds": round(self.seconds, 3),
        }


def check(limits: Limits, used: Used, last: str) -> None:
    """Raises the error that ends the run if a limit is reached. `last` is the model's last text."""
    reached = (
        ("steps", limits.steps, used.steps, ErrorCode.DATA_ERROR),
        ("tokens", limits.tokens, used.tokens, ErrorCode.RATE_LIMITED),
        ("money", limits.money, used.dollars or 0.0, ErrorCode.RATE_LIMITED),
        ("seconds", limits.seconds, used.seconds, ErrorCode.TIMEOUT),
    )
    for name, most, amount, code in reached:
        if most is not None and amount >= most:
            raise over(name, most, used, last, code)


def check_calls(limits: Limits, used: Used, more: int, last: str) -> None:
    """The same, before so many more calls are made."""
    if used.calls + more > limits.calls:
        raise over("calls", limits.calls, used, last, ErrorCode.DATA_ERROR)


_UNITS = {"money": " US dollars", "seconds": " s"}


def over(name: str, most: float, used: Used, last: str, code: ErrorCode) -> Permanent:
    """The error of a limit: which, and what was reached."""
    text = (
        f"The agent has not come to an end within its limit of {name}, {most:,.12g}{_UNITS.get(name, '')}: it made "
        f"{used.steps} steps and {used.calls} calls, with {used.tokens:,} tokens, in {used.seconds:,.0f} s. Raise the "
        f"agent's limits.{name}, or ask for less."
    )
    return Permanent(code, text, {"limit": name, "most": most, "reached": used.as_json(), "last_text": last[-2_000:]})
