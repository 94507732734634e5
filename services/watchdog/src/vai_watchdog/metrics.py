"""What the watchdog counts: processes that were lost, and what became of their runs."""

from prometheus_client import Counter, Histogram

from vai_records.definitions.kinds import KINDS

processes_lost = Counter("vai_processes_lost", "Processes that were found dead", ["service", "why"])
runs_recovered = Counter("vai_runs_recovered", "Runs that were taken from dead workers and queued again", ["kind"])
runs_lost = Counter("vai_runs_lost", "Runs that ended because their worker was lost", ["kind", "status"])
recovery_seconds = Histogram(
    "vai_recovery_seconds",
    "From the last beat of a process that was lost (it beats each 5 s) until all its runs were taken back",
    buckets=(1, 2, 3, 5, 8, 13, 21, 34, 60, 120, 600),
)
for _kind in KINDS:
    runs_recovered.labels(
        kind=_kind
    )  # A series must exist before it grows: Prometheus computes no rate from its first value.
