"""Draws the steps of an automation, or of an automation run, for the terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from vai.models.automations import AutomationRun, Step, StepOfRun

from .show import GAP, clean, shortened, took

SIGNS = {
    "waiting": ("◷", "dim"),
    "running": ("▶", "cyan"),
    "awaiting_approval": ("?", "yellow"),
    "completed": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "cancelled": ("■", "magenta"),
    "rejected": ("⊖", "red"),
    "skipped": ("»", "dim"),
}
PLAIN = ("·", "")
MOST = 60  # characters of an error
_WORDS = {"on_error": "on error", "always": "in any case"}


def drawing(steps: Sequence[Step], run: AutomationRun | None = None) -> list[Text]:
    """A line for each step, indented by how many steps must end before it. With an automation run, also the states."""
    states = {step.key: step for step in run.steps} if run else {}
    known = {step.key: step for step in steps}
    keys = [key for key in dict.fromkeys([*known, *states]) if not states or key in states]
    levels = _levels(known)
    ordered = sorted(keys, key=lambda key: levels.get(key, 0))
    rows = [_cells(key, levels.get(key, 0), known.get(key), states.get(key)) for key in ordered]
    widths = [max((row[place].cell_len for row in rows), default=0) for place in range(3)]
    return [_line(row, widths) for row in rows]


def _levels(steps: Mapping[str, Step]) -> dict[str, int]:
    """The length of the longest chain of steps before each step."""
    levels: dict[str, int] = {}
    left = list(steps.values())
    while left:
        ready = [step for step in left if all(key in levels or key not in steps for key, _ in step.waits_for)]
        if not ready:  # no automation of the platform has a cycle
            break
        for step in ready:
            levels[step.key] = 1 + max((levels.get(key, -1) for key, _ in step.waits_for), default=-1)
        left = [step for step in left if step.key not in levels]
    return levels


def _cells(key: str, level: int, step: Step | None, state: StepOfRun | None) -> tuple[Text, Text, Text, Text]:
    sign, style = SIGNS.get(state.state, PLAIN) if state else PLAIN
    kind = state.kind if state else (step.kind if step else None) or ""
    name = Text.assemble(GAP * level, (sign, style), f" {clean(key)}")
    lasted = took(state.duration_seconds) if state else ""
    return name, Text(clean(kind), "dim"), Text(lasted, "dim"), Text(" · ".join(_notes(step, state)), "dim")


def _notes(step: Step | None, state: StepOfRun | None) -> Iterator[str]:
    """Further facts about a step: what it waits for, by which port it ended, why it was skipped or failed."""
    if state and state.state == "skipped":
        yield clean(f"skipped: {state.reason}" if state.reason else "skipped")
        return
    if step and step.waits_for:
        told = ", ".join(f"{key} ({port})" if port else key for key, port in step.waits_for)
        condition = _WORDS.get(str(step.condition.get("type")), "")
        yield clean(f"{condition} after {told}".strip())
    if state and state.state == "awaiting_approval":
        yield "awaits approval"
    if state and state.port:
        yield clean(f"ended by {state.port}")
    if state and state.error:
        yield shortened(clean(f"{state.error.code}: {state.error.message}"), MOST)


def _line(row: tuple[Text, Text, Text, Text], widths: Sequence[int]) -> Text:
    name, kind, lasted, notes = row
    name.truncate(widths[0], pad=True)
    kind.truncate(widths[1], pad=True)
    lasted = Text(" " * (widths[2] - lasted.cell_len)).append_text(lasted)
    line = Text.assemble(GAP, Text(GAP).join([name, kind, lasted, notes]))
    line.rstrip()
    return line
