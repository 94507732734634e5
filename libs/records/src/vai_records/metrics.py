"""What is counted wherever runs, automation runs and events are written."""

from prometheus_client import Counter, Histogram

runs_created = Counter("vai_runs_created", "Runs that this process made", ["kind"])
runs_given_up = Counter(
    "vai_runs_given_up", "Runs that were ended because they could not be let go otherwise", ["kind"]
)
automation_runs_created = Counter(
    "vai_automation_runs_created", "Automation runs that this process made", ["triggered_by"]
)
events_published = Counter("vai_events_published", "Public events written to Kafka", ["type"])
event_publish_failures = Counter("vai_event_publish_failures", "Attempts to publish an event that failed")
event_lag_seconds = Histogram(
    "vai_event_lag_seconds",
    "From a transition to its event on Kafka",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)
