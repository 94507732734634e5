"""The limits of a transform: time and disk (rule 24)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """`seconds` is the time limit if the definition has none, `most_seconds` the largest that it may have."""

    seconds: float = 3_600
    most_seconds: float = 86_400
    spill_mb: int = 10_240
    output_mb: int = 51_200

    def of(self, timeout_seconds: float | None) -> "Bounds":
        """The bounds of a run whose definition names that time limit."""
        seconds = min(timeout_seconds or self.seconds, self.most_seconds)
        return Bounds(seconds, self.most_seconds, self.spill_mb, self.output_mb)

    def prepared(self) -> dict[str, Any]:
        """The bounds as JSON, for the child."""
        return asdict(self)

    @classmethod
    def told(cls, prepared: Mapping[str, Any], timeout_seconds: float | None) -> "Bounds":
        return cls(**prepared["bounds"]) if "bounds" in prepared else cls().of(timeout_seconds)
