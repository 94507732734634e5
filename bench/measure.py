"""Tools for measurements: percentiles, the CPU and memory of processes, and the printed table."""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vai_devstack.stack import Stack

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figure:
    """One row of the table: the figure's name, its value with the unit, and the aim."""

    what: str
    value: str
    aim: str = ""


Measure = Callable[[Stack], Awaitable[list[Figure]]]


def state_of_machine() -> str:
    """How many cores there are and how many of them others use: figures of a busy machine are not to be trusted."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the start"


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(seconds: Sequence[float]) -> str:
    """p50 / p99 in milliseconds."""
    return f"{percentile(seconds, 0.5) * 1e3:.1f} / {percentile(seconds, 0.99) * 1e3:.1f} ms"


def pids_of(stack: Stack) -> dict[str, list[int]]:
    """Every process of the stack with its children, by name."""
    roots = {service.name: stack.pids(service.name) for service in stack.config.services}
    for name, process in (("postgres", stack.postgres.process), ("kafka", stack.broker.process)):
        roots[name] = [process.pid] if process else []
    return {name: [*pids, *descendants(pids)] for name, pids in roots.items()}


def descendants(pids: Iterable[int]) -> list[int]:
    """Their children, and theirs."""
    found: list[int] = []
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            direct = [int(word) for word in _read(task).split()]
            found += [*direct, *descendants(direct)]
    return found


def _read(path: Path) -> str:
    """Empty, where the process has ended meanwhile."""
    try:
        return path.read_text()
    except OSError:
        return ""


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """User and system time so far, by name."""
    return {name: sum(map(_cpu, pids)) for name, pids in pids_of(stack).items()}


def _cpu(pid: int) -> float:
    return sum(_times(pid))


def own_cpu(pid: int) -> float:
    """User and system time of the process alone, in seconds."""
    return sum(_times(pid)[:2])


def _times(pid: int) -> list[float]:
    """Seconds of the process, user and system, and of those children that have ended and were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [0.0] * 4
    return [int(field) / _TICKS for field in fields[11:15]]


def memory_mb(stack: Stack) -> dict[str, float]:
    """Proportional set size (PSS), by name, in MB."""
    return {name: sum(map(_pss, pids)) / 1024 for name, pids in pids_of(stack).items()}


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def table(title: str, figures: Sequence[Figure]) -> str:
    """The figures as lines of text; one without a value is a remark."""
    wide = max(len(figure.what) for figure in figures if figure.value)
    deep = max(len(figure.value) for figure in figures)
    rows = [f"  {f.what:<{wide}}  {f.value:>{deep}}  {f.aim}".rstrip() for f in figures]
    return "\n".join([title, *rows])
