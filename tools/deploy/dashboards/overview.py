"""Overview: is everything well? And the page that says more of one kind."""

from tools.deploy.dashboards.panels import Dashboard, Panel, Query, most, quantiles, rate, rate_or_zero

_SHARE = 'sum(rate(vai_runs_ended_total{status="failed"}[5m])) / sum(rate(vai_runs_ended_total[5m])) or vector(0)'

_NOW = (
    Panel(
        "Runs ended",
        "How many runs end each second, whatever their end.",
        (rate("vai_runs_ended_total"),),
        "ops",
        "number",
    ),
    Panel(
        "Failed share",
        "Of the runs that ended in the last 5 minutes, how many failed. Look at one kind to see with which codes.",
        (Query(_SHARE),),
        "percentunit",
        "number",
        top=1,
    ),
    Panel(
        "Queued now",
        "Runs that wait for a free slot.",
        (Query('sum(max by (kind) (vai_runs_live{phase="queued"}))'),),
        shape="number",
        quiet="an idle moment has none",
    ),
    Panel(
        "Oldest queued",
        "How long the run has waited that waits longest. Above a minute: too few workers of its kind, or none.",
        (Query("max(vai_queue_oldest_seconds)"),),
        "s",
        "number",
        quiet="an idle moment has none",
    ),
    Panel(
        "Processes ready",
        "Processes that answer and whose database was seen lately.",
        (Query("sum(vai_ready)"),),
        shape="number",
    ),
    Panel(
        "API p99",
        "99 of 100 requests are answered in this time.",
        quantiles("vai_http_request_seconds", (0.99,)),
        "s",
        "number",
    ),
)

OVERVIEW = Dashboard(
    "vai-overview",
    "VAI: overview",
    "Is everything well? What is not shows here first; the other pages say why.",
    (
        ("Now", _NOW),
        (
            "Runs",
            (
                Panel(
                    "Runs by their end",
                    "Completed, failed, cancelled and rejected runs a second.",
                    (rate("vai_runs_ended_total", "status"),),
                    "ops",
                    "stack",
                ),
                Panel(
                    "Queued and running",
                    "Runs that wait for a slot, and runs that have one.",
                    (Query("sum by (phase) (max by (kind, phase) (vai_runs_live))", "{{phase}}"),),
                ),
                Panel(
                    "Oldest queued run by kind",
                    "A line that only rises is a kind that nobody works on.",
                    (most("vai_queue_oldest_seconds", "kind"),),
                    "s",
                    quiet="an idle moment has none",
                ),
                Panel(
                    "From creation to work",
                    "How long a run waits until a worker takes it, approvals included.",
                    quantiles("vai_run_start_delay_seconds"),
                    "s",
                ),
            ),
        ),
        (
            "API",
            (
                Panel(
                    "Requests by status",
                    "Answers a second. 5xx are ours; many 4xx are one client's mistake.",
                    (rate("vai_http_requests_total", "status"),),
                    "reqps",
                    "stack",
                ),
                Panel(
                    "Time to answer",
                    "Half of all requests, and 99 of 100, are answered in this time.",
                    quantiles("vai_http_request_seconds"),
                    "s",
                ),
                Panel(
                    "Live streams",
                    "Clients that follow a log or the changes of runs.",
                    (Query("sum by (stream) (vai_stream_clients)", "{{stream}}"),),
                ),
                Panel(
                    "Calls over MCP",
                    "Calls of tools a second, by how they ended.",
                    (rate("vai_mcp_calls_total", "outcome"),),
                    "ops",
                    quiet="nobody calls tools over MCP",
                ),
            ),
        ),
        (
            "Losses",
            (
                Panel(
                    "Processes lost, runs recovered",
                    "Dead processes a second, and the runs that were taken from them.",
                    (
                        rate("vai_recovery_seconds_count", legend="processes lost"),
                        rate_or_zero("vai_runs_recovered_total", "runs recovered"),
                    ),
                ),
                Panel(
                    "Lost since the watchdog started",
                    "Which services lost processes, by what: a closed connection, a beat that stood still, a lease.",
                    (Query("sum by (service, why) (vai_processes_lost_total)", "{{service}}: {{why}}"),),
                    quiet="nothing was lost",
                ),
                Panel(
                    "Recovery",
                    "From the last beat of a lost process until its runs were with others.",
                    quantiles("vai_recovery_seconds", (0.5, 0.99)),
                    "s",
                    quiet="nothing was lost lately",
                ),
                Panel(
                    "Ready processes by service",
                    "Falls when a service dies, drains, or misses its database.",
                    (
                        Query(
                            "sum by (service) (vai_ready * on (instance) group_left (service) vai_build_info)",
                            "{{service}}",
                        ),
                    ),
                ),
                Panel("Event lag", "From a transition to its event on Kafka.", quantiles("vai_event_lag_seconds"), "s"),
            ),
        ),
    ),
)

_OF = '{kind="$kind"}'
KIND = Dashboard(
    "vai-kind",
    "VAI: one kind",
    "Everything about the runs of one kind of action: choose it above.",
    (
        (
            "Work",
            (
                Panel(
                    "Runs by their end",
                    "Completed, failed and cancelled runs of this kind a second.",
                    (rate(f"vai_runs_ended_total{_OF}", "status"),),
                    "ops",
                    "stack",
                ),
                Panel(
                    "Created and claimed",
                    "Created above claimed: the queue grows.",
                    (
                        rate(f"vai_runs_created_total{_OF}", legend="created"),
                        rate(f"vai_runs_claimed_total{_OF}", legend="claimed"),
                    ),
                    "ops",
                ),
                Panel(
                    "How long a run takes",
                    "From its last claim to its end.",
                    quantiles("vai_run_duration_seconds", (0.5, 0.95, 0.99), _OF),
                    "s",
                ),
                Panel(
                    "From creation to work",
                    "How long a run waits until a worker takes it, approvals included.",
                    quantiles("vai_run_start_delay_seconds", (0.5, 0.99), _OF),
                    "s",
                ),
            ),
        ),
        (
            "Queue and workers",
            (
                Panel(
                    "Queued and running",
                    "Runs that wait for a slot, and runs that have one.",
                    (Query(f"max by (phase) (vai_runs_live{_OF})", "{{phase}}"),),
                ),
                Panel(
                    "Oldest queued run",
                    "Above a minute: too few workers of this kind, or none.",
                    (most(f"vai_queue_oldest_seconds{_OF}", legend="oldest"),),
                    "s",
                    quiet="an idle moment has none",
                ),
                Panel(
                    "Workers and slots",
                    "Live processes that serve this kind, and the runs that they can hold.",
                    (most(f"vai_kind_workers{_OF}", legend="workers"), most(f"vai_kind_slots{_OF}", legend="slots")),
                ),
                Panel(
                    "Use of the slots",
                    "1: every slot of every worker of this kind is taken by it.",
                    (
                        Query(
                            'max(vai_runs_live{kind="$kind", phase="leased"}) / max(vai_kind_slots{kind="$kind"})',
                            "used",
                        ),
                    ),
                    "percentunit",
                    top=1,
                    quiet="an idle moment has none",
                ),
            ),
        ),
        (
            "What goes wrong",
            (
                Panel(
                    "Failures by code",
                    "Runs that failed for good. The codes are explained in the docs of the API.",
                    (rate(f"vai_run_failures_total{_OF}", "code"),),
                    "ops",
                    quiet="nothing fails",
                ),
                Panel(
                    "Retries by code",
                    "Attempts after which a run waits for the next one.",
                    (rate(f"vai_run_retries_total{_OF}", "code"),),
                    "ops",
                    quiet="nothing is retried",
                ),
                Panel(
                    "Handed over, recovered, lost",
                    "Runs that changed their worker: a stop, a death, a lost lease.",
                    (
                        rate_or_zero(f"vai_runs_handed_over_total{_OF}", "handed over at a stop"),
                        rate_or_zero(f"vai_runs_recovered_total{_OF}", "recovered after a death"),
                        rate_or_zero(f"vai_leases_lost_total{_OF}", "lease lost"),
                    ),
                    "ops",
                    quiet="nobody stops or dies",
                ),
                Panel(
                    "Records",
                    "Records that completed runs of this kind say they have processed.",
                    (rate(f"vai_run_records_total{_OF}", legend="records"),),
                    "ops",
                    quiet="kinds without records",
                ),
            ),
        ),
    ),
    asks_kind=True,
)
