"""What a check has found."""

from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what is wrong with it (empty: nothing) and what to do; or what was seen."""

    check: str
    fault: str = ""
    advice: str = ""
    seen: str = ""

    @classmethod
    def of(cls, check: str, sentence: str | None, seen: str = "") -> Self:
        """From a sentence of readiness: what is wrong, and after the last colon what to do."""
        if sentence is None:
            return cls(check, seen=seen)
        fault, _, advice = sentence.rpartition(": ")
        return cls(check, fault, advice[:1].upper() + advice[1:])

    @property
    def is_ok(self) -> bool:
        return not self.fault

    def line(self) -> str:
        """For a terminal."""
        if self.is_ok:
            return f"ok     {self.check}: {self.seen}" if self.seen else f"ok     {self.check}"
        return f"WRONG  {self.check}: {self.fault}. {self.advice}"

    def as_dict(self) -> dict[str, str | bool]:
        return {"ok": self.is_ok, **asdict(self)}
