"""The scheduler's metrics: looks at automation runs, schedules, events handed out, alerts, OpenLineage events."""

from prometheus_client import Counter, Gauge, Histogram

automation_looks = Counter("vai_automation_looks", "Looks at automation runs", ["outcome"])
automation_look_seconds = Histogram(
    "vai_automation_look_seconds",
    "How long a look at an automation run takes",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
automation_look_lag_seconds = Histogram(
    "vai_automation_look_lag_seconds",
    "From the news of an automation run to the look at it",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 1, 5, 30),
)
automation_looks_due = Gauge("vai_automation_looks_due", "Automation runs that wait in this process for a look")
automation_runs_ended = Counter("vai_automation_runs_ended", "Automation runs that this process ended", ["status"])
automation_runs_cut_off = Counter(
    "vai_automation_runs_cut_off", "Automation runs that were left out because their cause's budget was spent"
)
events_handed_out = Counter("vai_events_handed_out", "Events that were handed to the automations that wait for them")
schedule_lateness_seconds = Histogram(
    "vai_schedule_lateness_seconds",
    "From a schedule's time to its automation run",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600),
)
alert_news_gathered = Counter("vai_alert_news_gathered", "Pieces of news that alert rules were held against")
alert_attempts = Counter("vai_alert_attempts", "Attempts to send an alert", ["channel", "outcome"])
"""`outcome`: sent, failed (it is tried again) or given_up."""
lineage_events = Counter("vai_lineage_events", "OpenLineage events, and failures of their receiver", ["outcome"])
"""`outcome`: sent, failed (the receiver was away), refused (by it, for good) or given_up."""
lineage_waiting = Gauge("vai_lineage_waiting", "OpenLineage events that wait for their receiver, at most 100,000")
lineage_waiting_seconds = Gauge("vai_lineage_waiting_seconds", "How long the oldest of them has waited")
