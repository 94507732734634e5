"""What somebody asked for cannot be done as asked: where it is wrong, and what to do about it."""

from collections.abc import Sequence

Place = Sequence[str | int]

Fault = tuple[Place, str, str]
"""Where, what to do about it, and a word for programs."""


class Refused(Exception):
    """Raised for bad input; a client gets 422 with each place (decision 4), a run ends with the first message."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0][1])
        self.faults = list(faults)

    @property
    def message(self) -> str:
        """The first fault in a sentence: `definition.sql: Field required`."""
        return f"{self.place}: {self.faults[0][1]}" if self.place else self.faults[0][1]

    @property
    def place(self) -> str:
        """Where the first fault is: `definition.sql`. That it was in a request's body is no news in a run."""
        parts = self.faults[0][0]
        return ".".join(map(str, parts[1:] if parts and parts[0] == "body" else parts))


def refused(place: Place, message: str, word: str = "value_error") -> Refused:
    """With one fault."""
    return Refused([(place, message, word)])
