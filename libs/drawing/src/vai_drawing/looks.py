"""How the states of steps look in drawings. They can be told apart without colour."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """`ink` for borders and words on `paper`; `sign` is a character, `stroke` the same as a path around 0, 0."""

    ink: str
    paper: str
    sign: str = ""
    stroke: str = ""
    dashed: bool = False


PLAIN = Look("#57606a", "#ffffff")
LOOKS = {
    "waiting": Look("#57606a", "#f6f8fa", "◷", "M0 -3.2V0.4L2.3 1.8", dashed=True),
    "running": Look("#0b5fcc", "#e8f2ff", "▶", "M-1.6 -2.8L2.8 0L-1.6 2.8Z"),
    "awaiting_approval": Look("#9a6700", "#fff8e5", "?", "M-2.2 -1.6A2.2 2.2 0 1 1 0 0.9V1.6M0 3.6V3.7"),
    "completed": Look("#1a7f37", "#eaf8ee", "✓", "M-3.2 0.2L-1 2.5L3.3 -2.5"),
    "failed": Look("#c2212e", "#ffecec", "✗", "M-2.5 -2.5L2.5 2.5M-2.5 2.5L2.5 -2.5"),
    "cancelled": Look("#8a5a00", "#fff5dd", "■", "M-2.3 -2.3H2.3V2.3H-2.3Z"),
    "rejected": Look("#98248a", "#fcebf9", "⊖", "M-3.3 0H3.3"),
    "skipped": Look("#6e7781", "#ffffff", "»", "M-3 -2.6L-0.4 0L-3 2.6M0.6 -2.6L3.2 0L0.6 2.6", dashed=True),
}


def look_of(state: str | None) -> Look:
    """An unknown state looks like no state, but its name is shown."""
    return LOOKS.get(state or "", PLAIN)


def worded(state: str | None) -> str:
    """A state as it is written in a drawing."""
    return (state or "").replace("_", " ")


def spoken(seconds: float) -> str:
    """A duration in its two largest units: `0.4 s`, `12 s`, `1 min 15 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for size, unit, smaller, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
