"""The metrics that every service has, and how metrics are declared.

Each metric is declared in the `metrics.py` of the member that sets it; `docs/metrics.md` is made from these. A label
has few values, all known beforehand, and never an id. A counter in the path of a run costs about a microsecond. Values
that need a query are measured by a sweep, or when Prometheus scrapes.
"""

from functools import lru_cache
from math import nan
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more sample of each; nobody reads them

build_info = Gauge("vai_build_info", "1; its labels say which service and version this is", ["service", "version"])
ready = Gauge("vai_ready", "Whether the process is ready: the database answers, its schema fits, it is not stopping")
loop_failures = Counter("vai_loop_failures", "Turns of a background loop that failed", ["loop"])
rows_failed = Counter("vai_rows_failed", "Rows that a background loop could not handle and backed off", ["loop"])
hints_dropped = Counter("vai_hints_dropped", "Hints that could not be decoded", ["channel"])
broker_up = Gauge("vai_broker_up", "Whether the last attempt to reach the broker succeeded; NaN before the first")
broker_up.set(nan)
event_loop_lag_seconds = Histogram(
    "vai_event_loop_lag_seconds",
    "How late the event loop wakes a sleeping task, measured each second",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
pool_connections = Gauge(
    "vai_database_pool_connections", "Connections of this process to the database", ["pool", "state"]
)
pool_limit = Gauge("vai_database_pool_limit", "Connections that a pool of this process may open", ["pool"])
pool_waits = Counter("vai_database_pool_waits", "Times that no connection of the pool was free")
spans_sent = Counter("vai_spans", "Spans that were handed to the collector of traces, or could not be", ["outcome"])


@lru_cache(4_096)
def series(metric: Metric, *values: str) -> Metric:
    """The series of these labels, in the order of their declaration: `metric.labels(…)`, looked up once.

    For the path of a run: `labels` checks its names and takes a lock each time, which costs more than to count.
    """
    return metric.labels(*values)
