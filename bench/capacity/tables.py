"""The tables of `docs/capacity.md`, as lines of Markdown; `python -m bench capacity` prints the same ones."""

from collections.abc import Iterable, Sequence

from bench.capacity.costs import Constants, Cost, cpu, part
from bench.capacity.loads import A_DAY, BASE, EXAMPLE, FACTORS, KINDS
from bench.capacity.model import DEFAULT, FOLLOWER, HOLDS, Load, Need, bounds, need
from vai_records.schema.partitions import EVENT_DAYS

_SERVICES = {
    "api-gateway": "gateway",
    "run-dispatcher": "dispatcher",
    "scheduler": "scheduler",
    "watchdog": "watchdog",
    "extract-worker": "extract",
    "transform-worker": "transform",
    "agent-worker": "agent",
    "postgres": "Postgres",
    "kafka": "Kafka",
}
_ALIKE = ("extracted row", "file row", "transformed row", FOLLOWER, "followed entry")
"""Small things: shown by the thousand."""


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    rule = "|".join("---" for _ in head)
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(line)} |" for line in lines)])


def _number(value: float) -> str:
    """Three digits, with the thousands apart."""
    if value == 0:
        return ""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{float(f'{value:.2g}'):g}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1_000:
            return f"{_number(count)} {unit}" if count else ""
        count /= 1_000
    return f"{_number(count)} TB"


def _of_one(name: str, cost: Cost) -> list[str]:
    times = 1_000 if name in _ALIKE else 1
    each = part(cost, "cpu")
    here = [_number(each.get(service, 0.0) * times * 1e3) for service in _SERVICES]
    disk = {table: value * times for table, value in part(cost, "disk").items()}
    kept = sum(value for table, value in disk.items() if table not in ("run_logs", "events"))
    passing = disk.get("run_logs", 0.0) + disk.get("events", 0.0)
    what = f"1,000 × {name}" if times > 1 else name
    return [
        what,
        _number(cpu(cost) * times * 1e3),
        *here,
        _size(cost.get("wal", 0.0) * times),
        _size(kept),
        _size(passing),
        _size(cost.get("kafka", 0.0) * times),
        _size(cost.get("lake", 0.0) * times),
    ]


def costs(known: Constants) -> str:
    """What one of each costs: CPU in milliseconds by process, and bytes."""
    head = ["One", "CPU ms", *_SERVICES.values(), "WAL", "stays", "logs, events", "Kafka", "lake"]
    rows = [_of_one(name, cost) for name, cost in known.works.items()]
    rows += [_of_one(f"{name}, alone", cost) for name, cost in known.alone.items()]
    return table(head, rows)


def order(known: Constants) -> str:
    """For so many a day of one kind: what to order."""
    lines = []
    for name, parts in KINDS.items():
        for count in A_DAY:
            found = need(known, Load(name, {work: each * count for work, each in parts.items()}))
            worker = next(HOLDS[work] for work in parts if work in HOLDS)
            pods = f"{found.pods['api-gateway']} / {found.pods['scheduler']} / {found.pods[worker]}"
            first = bounds(found)[0]
            lines.append(
                (
                    name if count == A_DAY[0] else "",
                    f"{count:,}",
                    pods,
                    f"{found.postgres_cores}",
                    _number(found.wal_mb),
                    f"{found.connections:,}",
                    _size(found.disk_gb(365) * 1e9),
                    _size(found.lake_gb * 1e9),
                    f"{first.what}, {first.share:.0%}",
                )
            )
    head = ["Each", "a day", "pods: gateway / scheduler / worker", "Postgres cores", "WAL MB/s", "connections"]
    return table([*head, "Postgres disk in a year", "lake written a day", "fullest"], lines)


def example(known: Constants) -> str:
    """What the worked example needs."""
    found = need(known, EXAMPLE)
    lines = [
        (f"{service}: pods", f"{count}", f"{found.cores.get(service, 0.0):.2f} cores are used")
        for service, count in found.pods.items()
    ]
    lines += [
        (
            "cores of Postgres",
            f"{found.postgres_cores}",
            f"{found.cores['postgres']:.2f} are used, {found.wal_mb:.2g} MB/s of WAL",
        ),
        ("connections", f"{found.connections}", "when all pods hold all that they may"),
        (
            "disk of Postgres",
            _size(found.disk_gb(365) * 1e9),
            f"in a year: {found.runs_gb:.2g} GB a day, and logs and events",
        ),
        ("lake", _size(found.lake_gb * 1e9), "written a day"),
        ("Kafka", _size(found.kafka_gb * 1e9 * EVENT_DAYS), f"kept, for each copy; {found.events:.1f} events a second"),
    ]
    return table(["What", "how much", ""], lines)


def made(known: Constants) -> str:
    """How the constants were made."""
    how = known.made
    return (
        f"`{how['command']}`, {how['when']}; {how['machine']}, Python {how['python']}, broker {how['broker']}, bell by"
        f" {how['bell']}. The yardstick, a fixed loop of Python, took {_number(how['yardstick ms'])} ms of CPU."
    )


def processes(known: Constants) -> str:
    """What a process costs when nothing happens."""
    lines = [
        (
            name,
            f"{process.memory_mb:.0f} MB",
            f"{process.idle.get(f'cpu {name}', 0.0) * 1e3:.1f}",
            f"{process.idle.get('cpu postgres', 0.0) * 1e3:.1f}",
            f"{process.connections}",
        )
        for name, process in known.processes.items()
    ]
    head = ["Process", "memory", "its CPU, ms a second", "Postgres, ms a second", "connections at most"]
    return table(head, lines)


def growth(known: Constants) -> str:
    """Insert, claim and finish of a run beside much else, and what waiting costs."""
    lines = [
        (state, f"{cost.get('cpu postgres', 0.0) * 1e6:.0f} µs", _size(cost.get("wal", 0.0)))
        for state, cost in known.growth.items()
    ]
    return table(["What", "CPU of Postgres", "WAL"], lines)


def second_point(known: Constants) -> str:
    """What was foreseen of the mix, and what was measured."""
    foreseen, found = known.held_against["foreseen"], known.held_against["measured"]
    lines = []
    for name, value in found.items():
        show = (lambda number: f"{number:.2f} s") if name.startswith("cpu") else _size
        error = f"{(foreseen[name] / value - 1) * 100:+.0f} %" if value else ""
        lines.append((name, show(foreseen[name]), show(value), error))
    return table(["All of the mix", "foreseen", "measured", "error"], lines)


def scales(known: Constants, load: Load = BASE) -> str:
    """What 1, 10, 100 and 1,000 times the load need."""
    found = [need(known, load.times(factor)) for factor in FACTORS]
    lines = [
        ("runs a day", *(f"{_runs(each.load):,.0f}" for each in found)),
        *((f"{service}: pods", *(f"{each.pods[service]:,}" for each in found)) for service in DEFAULT.pods),
        ("cores of Postgres", *(f"{each.postgres_cores:,}" for each in found)),
        ("WAL, MB/s", *(_number(each.wal_mb) for each in found)),
        ("connections at most", *(f"{each.connections:,}" for each in found)),
        ("Postgres grows, GB a day", *(_number(each.runs_gb) for each in found)),
        ("logs and events there, GB", *(_number(each.passing_gb) for each in found)),
        ("Kafka, GB a day and copy", *(_number(each.kafka_gb) for each in found)),
        ("partitions of a topic", *(f"{each.partitions:,}" for each in found)),
        ("lake, GB written a day", *(_number(each.lake_gb) for each in found)),
        ("breaks first", *(_first(each) for each in found)),
    ]
    return table(["In the busiest hour", *(f"× {factor:,}" for factor in FACTORS)], lines)


def _runs(load: Load) -> float:
    return sum(count for work, count in load.a_day.items() if work in _RUNS)


_RUNS = ("light run", "sync run", "http request", "extraction", "file extraction", "transform")


def _first(found: Need) -> str:
    broken = [bound for bound in bounds(found) if bound.share > 1]
    if not broken:
        full = bounds(found)[0]
        return f"nothing ({full.what}: {full.share:.0%})"
    return "; ".join(f"{bound.what}: {bound.share:.1f} × ({bound.then})" for bound in broken)


def measured(known: Constants) -> str:
    """All that was measured."""
    return "\n\n".join([costs(known), processes(known), growth(known), second_point(known)])


def simulation(known: Constants, load: Load) -> str:
    """What loads need, and how full things are for each."""
    shown = [scales(known, load)]
    for factor in FACTORS:
        found = need(known, load.times(factor))
        lines = [(each.what, _number(each.needed), _number(each.there), f"{each.share:.0%}") for each in bounds(found)]
        shown.append(f"{found.load.name}\n" + table(["What there is so much of", "needed", "there", "share"], lines))
    return "\n\n".join(shown)
