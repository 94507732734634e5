"""Computes the needs of a load from the costs of its parts: a queueing model with one station for each service and one
for Postgres.

Demand is linear: works per second multiplied by the cost of one. The number of pods is computed from CPU and from
slots, and the larger one counts. The busier a station is, the longer its customers wait (Erlang C), so no station is
planned to be busy for more than the share `BUSY` of its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from bench.capacity.costs import Constants, Cost, part, total
from vai_records.schema.partitions import EVENT_DAYS, LOG_DAYS

DAY = 86_400
BUSY = 0.6
"""The largest share of its time for which a station may be busy in the busiest hour."""

FOLLOWER = "follower"
"""The name of the work "one client of a live stream for one second"."""


@dataclass(frozen=True)
class Load:
    """A day's works by name, and how the busiest hour compares with the average."""

    name: str
    a_day: Mapping[str, float]
    peak: float = 3.0
    followers: int = 0

    def times(self, factor: float) -> "Load":
        more = {work: count * factor for work, count in self.a_day.items()}
        return Load(f"{self.name} × {factor:,.0f}", more, self.peak, round(self.followers * factor))

    @property
    def a_second(self) -> Mapping[str, float]:
        """In the busiest hour; followers are there all the time."""
        works = {work: count / DAY * self.peak for work, count in self.a_day.items()}
        return {**works, FOLLOWER: float(self.followers)}


@dataclass(frozen=True)
class Pod:
    """The size of one pod of a service. `cores`: how many its process can use; 1 if the work is done in its event
    loop.
    """

    least: int = 1
    cores: float = 1.0
    slots: int = 0


@dataclass(frozen=True)
class Installation:
    """The pods' sizes, and what one database, one disk and one topic are trusted with."""

    pods: Mapping[str, Pod]
    postgres_cores: int = 32
    wal_mb: float = 100.0
    """A second, written and flushed, to the standby, too."""
    connections: int = 500
    disk_tb: float = 4.0
    partition_events: float = 1_000.0
    """A second that one consumer of one partition handles."""


DEFAULT = Installation(
    {
        "api-gateway": Pod(least=2),
        "run-dispatcher": Pod(least=2),
        "scheduler": Pod(least=2, slots=32),
        "watchdog": Pod(least=2),
        "extract-worker": Pod(cores=2, slots=8),
        "transform-worker": Pod(cores=2, slots=4),
        "agent-worker": Pod(slots=32),
    }
)
"""The sizes of the services' defaults: VAI_SLOTS, and two pods of whoever must not be missing."""

HOLDS = {
    "light run": "extract-worker",
    "sync run": "scheduler",
    "http request": "agent-worker",
    "extraction": "extract-worker",
    "file extraction": "extract-worker",
    "extracted row": "extract-worker",
    "file row": "extract-worker",
    "transform": "transform-worker",
    "transformed row": "transform-worker",
}
"""The service whose slot a work takes. Other works take no slot."""


def waiting_share(offered: float, servers: int) -> float:
    """Erlang C: the share of customers who wait, of so many servers that are offered so many Erlang."""
    if offered >= servers:
        return 1.0
    free = 1.0  # Erlang B, by its recursion
    for number in range(1, servers + 1):
        free = offered * free / (number + offered * free)
    return free / (1 - (offered / servers) * (1 - free))


def mean_wait(offered: float, servers: int, service: float) -> float:
    """Seconds that a customer waits on average, who then takes `service` seconds; infinite where it is too much."""
    if offered >= servers:
        return float("inf")
    return waiting_share(offered, servers) * service / (servers - offered)


def priced(constants: Constants, share: float) -> Mapping[str, Cost]:
    """The cost of each work if the stations are busy for this share of their time.

    A statement that writes for many runs costs little more than for one. In a queue with the load `share` there are on
    average 1 / (1 - share) customers when one is served. So this many share a batch, and the cost of a run lies between
    its cost alone and in a crowd, in this proportion.
    """
    return {
        work: total([(1 - share, constants.alone[work]), (share, cost)]) if work in constants.alone else cost
        for work, cost in constants.works.items()
    }


@dataclass(frozen=True)
class Need:
    """The needs of a load in its busiest hour, and the disk space that it uses."""

    load: Load
    pods: Mapping[str, int]
    cores: Mapping[str, float]
    """That the processes of each service use, all pods together; `postgres` and `kafka`, too."""
    postgres_cores: int
    wal_mb: float
    connections: int
    events: float
    partitions: int
    kafka_gb: float
    """A day, one copy."""
    lake_gb: float
    """A day."""
    runs_gb: float
    """A day, and they stay."""
    passing_gb: float
    """Logs and events that are there at one time."""
    slot_waits: Mapping[str, float] = field(default_factory=dict)
    """Seconds that a run of a service waits for a slot, on average."""

    def disk_gb(self, days: float) -> float:
        """Of Postgres after so many days."""
        return self.runs_gb * days + self.passing_gb


def need(constants: Constants, load: Load, installation: Installation = DEFAULT) -> Need:
    """What the load needs."""
    prices = {work: _cleaned(constants, cost) for work, cost in priced(constants, BUSY).items()}
    second = total((rate, prices[work]) for work, rate in load.a_second.items() if rate)
    day = total((count, prices[work]) for work, count in load.a_day.items() if count)
    slots = _slots(constants, load)
    cores = part(second, "cpu")
    pods = {name: _pods(pod, cores.get(name, 0.0), slots.get(name, 0.0)) for name, pod in installation.pods.items()}
    idle = total((count, constants.processes[name].idle) for name, count in pods.items())
    cores = {name: value for name, value in part(total([(1, second), (1, idle)]), "cpu").items() if value}
    events = second.get("rows events", 0.0)
    disk = part(day, "disk")
    passing = disk.pop("run_logs", 0.0) * LOG_DAYS + disk.pop("events", 0.0) * EVENT_DAYS
    return Need(
        load,
        pods,
        cores,
        postgres_cores=max(1, ceil(cores.get("postgres", 0.0) / BUSY)),
        wal_mb=(second.get("wal", 0.0) + idle.get("wal", 0.0)) / 1e6,
        connections=sum(count * constants.processes[name].connections for name, count in pods.items()),
        events=events,
        partitions=max(3, ceil(events / installation.partition_events)),
        kafka_gb=day.get("kafka", 0.0) / 1e9,
        lake_gb=day.get("lake", 0.0) / 1e9,
        runs_gb=sum(disk.values()) / 1e9,
        passing_gb=passing / 1e9,
        slot_waits=_waits(constants, load, pods, installation),
    )


def _cleaned(constants: Constants, cost: Cost) -> Cost:
    """With what autovacuum has to do after it: it was off while the works were measured."""
    return total([(1, cost), (cost.get("rows runs", 0.0), constants.works["cleaning"])])


def _slots(constants: Constants, load: Load) -> Mapping[str, float]:
    """Slots that are taken on average in the busiest hour (Little: rate × time)."""
    return total(
        (rate * constants.works[work].get("slot", 0.0), {HOLDS[work]: 1.0})
        for work, rate in load.a_second.items()
        if work in HOLDS
    )


def _pods(pod: Pod, cores: float, slots: float) -> int:
    by_slots = ceil(slots / (BUSY * pod.slots)) if pod.slots else 0
    return max(pod.least, ceil(cores / (BUSY * pod.cores)), by_slots)


def _waits(
    constants: Constants, load: Load, pods: Mapping[str, int], installation: Installation
) -> Mapping[str, float]:
    taken = _slots(constants, load)
    runs = total((rate, {HOLDS[work]: 1.0}) for work, rate in load.a_second.items() if not _is_row(work))
    waits = {}
    for name, offered in taken.items():
        if offered and runs.get(name):
            servers = pods[name] * installation.pods[name].slots
            waits[name] = mean_wait(offered, servers, offered / runs[name])
    return waits


def _is_row(work: str) -> bool:
    return work not in HOLDS or work.endswith(" row")


@dataclass(frozen=True)
class Bound:
    """One thing that there is only so much of; `share` of it is needed."""

    what: str
    needed: float
    there: float
    then: str

    @property
    def share(self) -> float:
        return self.needed / self.there


def bounds(found: Need, installation: Installation = DEFAULT, days: int = 365) -> list[Bound]:
    """What one database, one disk and one topic are asked for, the fullest first: the one that breaks first."""
    listed = [
        Bound("Postgres, cores", found.cores.get("postgres", 0.0), BUSY * installation.postgres_cores, "divide"),
        Bound("WAL, MB/s", found.wal_mb, installation.wal_mb, "divide"),
        Bound("connections", found.connections, installation.connections, "a pooler, larger pods"),
        Bound(f"disk after {days} days, TB", found.disk_gb(days) / 1e3, installation.disk_tb, "delete, divide"),
        Bound("events a second, 3 partitions", found.events, 3 * installation.partition_events, "more partitions"),
    ]
    return sorted(listed, key=lambda bound: -bound.share)
