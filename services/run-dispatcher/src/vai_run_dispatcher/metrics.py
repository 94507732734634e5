"""What the dispatcher measures in the database, for the whole installation: read them with `max`, each replica has all.

Every kind has a value, zero too, so that an alert can tell "nothing waits" from "not measured".
"""

from prometheus_client import Gauge

runs_live = Gauge("vai_runs_live", "Runs queued or leased", ["kind", "phase"])
queue_oldest_seconds = Gauge("vai_queue_oldest_seconds", "Age of the oldest queued run", ["kind"])
runs_held = Gauge("vai_runs_held", "Runs that wait before they can be claimed", ["reason"])
kind_workers = Gauge("vai_kind_workers", "Live processes that serve a kind", ["kind"])
kind_slots = Gauge("vai_kind_slots", "Slots of the live processes that serve a kind", ["kind"])
organisation_runs_live = Gauge(
    "vai_organisation_runs_live",
    "Runs queued or leased of the organisations that have most; only with VAI_METRICS_ORGANISATIONS",
    ["organisation", "phase"],
)
automation_runs_live = Gauge("vai_automation_runs_live", "Automation runs that are running")
schedule_overdue_seconds = Gauge(
    "vai_schedule_overdue_seconds", "How long the most overdue schedule has waited to be fired; 0: none is"
)
journal_unpublished_events = Gauge(
    "vai_journal_unpublished_events", "Events of the journal that are not on Kafka; counted up to 100,000"
)
journal_oldest_unpublished_seconds = Gauge(
    "vai_journal_oldest_unpublished_seconds", "Age of the oldest event that is not on Kafka"
)
events_unhandled = Gauge(
    "vai_events_unhandled", "Events that automations wait for and have not got; counted up to 100,000"
)
database_connections = Gauge("vai_database_connections", "Connections to the database server, of all its clients")
database_connections_limit = Gauge(
    "vai_database_connections_limit", "Connections that the server gives to those who are no superusers"
)
database_size_bytes = Gauge("vai_database_size_bytes", "Size of the database on its disk")
