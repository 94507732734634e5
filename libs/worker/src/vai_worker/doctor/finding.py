"""What a check has found."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what is wrong with it (empty: nothing) and what to do; or what was seen."""

    check: str
    fault: str = ""
    advice: str = ""
    seen: str = ""

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
