"""The metrics of every worker: runs from their claim to their end, slots, children."""

from collections.abc import Iterable
from math import nan

from prometheus_client import Counter, Gauge, Histogram

slots = Gauge("vai_worker_slots", "Runs that this process can hold at once")
slots_busy = Gauge("vai_worker_slots_busy", "Runs that this process works on")
runs_claimed = Counter("vai_runs_claimed", "Runs that this process claimed: each is a lease", ["kind"])
run_start_delay_seconds = Histogram(
    "vai_run_start_delay_seconds",
    "From the making of a run to its first claim; waits for an approval or a limit count",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300),
)
runs_ended = Counter("vai_runs_ended", "Runs that this process ended", ["kind", "status"])
run_duration_seconds = Histogram(
    "vai_run_duration_seconds",
    "From a run's last claim to its end",
    ["kind", "status"],
    buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3600),
)
run_failures = Counter("vai_run_failures", "Runs that failed for good, by the code of their error", ["kind", "code"])
run_retries = Counter("vai_run_retries", "Attempts after which a run waits for the next one", ["kind", "code"])
run_records = Counter("vai_run_records", "Records that completed runs have processed", ["kind"])
leases_lost = Counter("vai_leases_lost", "Runs that this process no longer held when it wanted to write", ["kind"])
runs_handed_over = Counter("vai_runs_handed_over", "Runs that a worker queued again for others", ["kind"])
log_entries_written = Counter("vai_log_entries_written", "Entries of runs' logs that were written")
log_entries_dropped = Counter("vai_log_entries_dropped", "Entries of runs' logs that could not be written")
children = Gauge("vai_child_processes", "Child processes of this worker: one for each heavy run")
child_memory_bytes = Gauge("vai_child_memory_bytes", "Memory that all children of this worker hold")
child_memory_limit_bytes = Gauge("vai_child_memory_limit_bytes", "Memory that one child may use")
children_ended_early = Counter("vai_children_ended_early", "Children that ended before their work did", ["why"])
lake_size_bytes = Gauge("vai_lake_size_bytes", "Size of the disk that holds the lake; NaN for an object store")
lake_free_bytes = Gauge("vai_lake_free_bytes", "Free space of that disk for this process; NaN for an object store")
for _gauge in (lake_size_bytes, lake_free_bytes):
    _gauge.set(nan)

model_calls = Counter("vai_model_calls", "Calls of language models", ["provider", "outcome"])
model_tokens = Counter("vai_model_tokens", "Tokens of answered calls: those that went in, and those that came out", [
    "provider", "direction",
])  # fmt: skip
model_dollars = Counter("vai_model_dollars", "What answered calls have cost, in US dollars, where a price is known", [
    "provider",
])  # fmt: skip
model_call_seconds = Histogram(
    "vai_model_call_seconds",
    "How long a call took, to the end of its answer",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
model_first_text_seconds = Histogram(
    "vai_model_first_text_seconds",
    "How long a call waited for the first piece of its answer",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def begin(kinds: Iterable[str]) -> None:
    """Make all series start at zero: Prometheus computes no rate from a series' first value."""
    for kind in kinds:
        for counter in (runs_claimed, leases_lost, runs_handed_over):
            counter.labels(kind=kind)
        for status in ("completed", "failed", "cancelled"):
            runs_ended.labels(kind=kind, status=status)
