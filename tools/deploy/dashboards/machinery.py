"""What the platform stands on, and how full it is: Kafka and the database, capacity."""

from tools.deploy.dashboards.panels import Dashboard, Panel, Query, most, of_service, quantiles, rate, rate_or_zero

SERVERS = Dashboard(
    "vai-servers",
    "VAI: Kafka and database",
    "Whether events leave, and whether the database has room and connections.",
    (
        (
            "Events to Kafka",
            (
                Panel(
                    "Published by type",
                    "Events that were written to Kafka a second.",
                    (rate("vai_events_published_total", "type"),),
                    "ops",
                    "stack",
                ),
                Panel(
                    "Event lag",
                    "From a transition to its event on Kafka.",
                    quantiles("vai_event_lag_seconds", (0.5, 0.95, 0.99)),
                    "s",
                ),
                Panel(
                    "Unpublished events",
                    "Events that wait in the journal. They are kept, and sent when Kafka is back.",
                    (most("vai_journal_unpublished_events", legend="unpublished"),),
                    quiet="they leave at once",
                ),
                Panel(
                    "Oldest unpublished event",
                    "Rises while Kafka is away, or refuses an event.",
                    (most("vai_journal_oldest_unpublished_seconds", legend="age"),),
                    "s",
                    quiet="they leave at once",
                ),
                Panel(
                    "Broker reached",
                    "1: the last write of this service reached Kafka. Nothing: it has not written yet.",
                    (
                        Query(
                            "min by (service) (vai_broker_up * on (instance) group_left (service) vai_build_info)",
                            "{{service}}",
                        ),
                    ),
                    "bool",
                    top=1,
                ),
                Panel(
                    "Failed publications, dropped hints",
                    "Attempts that failed are repeated; hints are only hints.",
                    (
                        rate_or_zero("vai_event_publish_failures_total", "publications failed"),
                        rate_or_zero("vai_hints_dropped_total", "hints dropped"),
                    ),
                    "ops",
                    quiet="Kafka is there",
                ),
            ),
        ),
        (
            "Database",
            (
                Panel(
                    "Connections",
                    "Of all clients of the server, and how many it gives. Near the limit: fewer, or smaller pools.",
                    (
                        most("vai_database_connections", legend="used"),
                        most("vai_database_connections_limit", legend="limit"),
                    ),
                ),
                Panel(
                    "Pools",
                    "Connections of our processes, busy and idle, by service.",
                    (
                        Query(
                            "sum by (service, state) (vai_database_pool_connections"
                            " * on (instance) group_left (service) vai_build_info)",
                            "{{service}} {{state}}",
                        ),
                    ),
                ),
                Panel(
                    "Waits for a connection",
                    "How often a second no connection of a pool was free (VAI_POOL_SIZE).",
                    (Query(of_service("rate(vai_database_pool_waits_total[$__rate_interval])"), "{{service}}"),),
                    "ops",
                ),
                Panel(
                    "Size of the database",
                    "On its disk: tables, indexes, logs and events of the days that are kept.",
                    (most("vai_database_size_bytes", legend="size"),),
                    "bytes",
                ),
                Panel(
                    "Loops that fail",
                    "Turns of background loops that failed, and rows that were put aside.",
                    (rate_or_zero("vai_loop_failures_total", "turns"), rate_or_zero("vai_rows_failed_total", "rows")),
                    "ops",
                    quiet="nothing fails",
                ),
                Panel(
                    "Damaged runs",
                    "Runs that were ended because nothing else let them go, and refused changes of runs.",
                    (
                        rate_or_zero("vai_runs_given_up_total", "given up"),
                        rate_or_zero("vai_runs_immovable_total", "immovable"),
                    ),
                    "ops",
                    quiet="no record is damaged",
                ),
                Panel(
                    "Spans of traces",
                    "Handed to the collector, and lost because it was away or refused them. Services wait for neither.",
                    (Query("sum by (outcome) (rate(vai_spans_total[$__rate_interval])) or vector(0)", "{{outcome}}"),),
                    "ops",
                    quiet="no collector is named",
                ),
            ),
        ),
    ),
)

CAPACITY = Dashboard(
    "vai-capacity",
    "VAI: capacity",
    "What is nearly full, and what to add then: workers, gateways, memory, connections, disk (docs/capacity.md).",
    (
        (
            "How full",
            (
                Panel(
                    "Slots in use by service",
                    "Above 0.6 in the busiest hour: more workers of that service, or more VAI_SLOTS.",
                    (
                        Query(
                            f"{of_service('vai_worker_slots_busy')} / {of_service('vai_worker_slots')}",
                            "{{service}}",
                        ),
                    ),
                    "percentunit",
                    top=1,
                ),
                Panel(
                    "Load of a kind",
                    "Queued and running runs for each slot. Above 1: runs wait. Scaling reads this.",
                    (
                        Query(
                            "sum by (kind) (max by (kind, phase) (vai_runs_live))"
                            " / (max by (kind) (vai_kind_slots) > 0)",
                            "{{kind}}",
                        ),
                    ),
                ),
                Panel(
                    "Held runs",
                    "Runs that wait for an approval, for room under a limit, or to be executed.",
                    (most("vai_runs_held", "reason"),),
                    quiet="nothing is held",
                ),
                Panel(
                    "Database connections in use",
                    "Of those that the server gives.",
                    (Query("max(vai_database_connections) / max(vai_database_connections_limit)", "used"),),
                    "percentunit",
                    top=1,
                ),
                Panel(
                    "Free disk of the lake",
                    "Of its size, where the lake is a folder.",
                    (Query("min(vai_lake_free_bytes / vai_lake_size_bytes)", "free"),),
                    "percentunit",
                    top=1,
                ),
            ),
        ),
        (
            "Processes",
            (
                Panel(
                    "CPU by service",
                    "Cores in use. One process uses at most about one; above 0.6 of one for each pod: more pods.",
                    (Query(of_service("rate(process_cpu_seconds_total[$__rate_interval])"), "{{service}}"),),
                ),
                Panel(
                    "Memory by service",
                    "Resident memory of all processes of a service, without children.",
                    (Query(of_service("process_resident_memory_bytes"), "{{service}}"),),
                    "bytes",
                ),
                Panel(
                    "Lag of the event loop",
                    "99 of 100 wake-ups are not later than this. High: the process is full.",
                    (
                        Query(
                            "histogram_quantile(0.99, sum by (le, service) (rate(vai_event_loop_lag_seconds_bucket"
                            "[$__rate_interval]) * on (instance) group_left (service) vai_build_info))",
                            "{{service}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Open files by service",
                    "Sockets and files. The limit is that of the system (ulimit -n).",
                    (Query(of_service("process_open_fds"), "{{service}}"),),
                ),
            ),
        ),
        (
            "Traffic",
            (
                Panel(
                    "Busiest routes",
                    "The ten routes that are asked most.",
                    (
                        Query(
                            "topk(10, sum by (method, route) (rate(vai_http_requests_total[$__rate_interval])))",
                            "{{method}} {{route}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Slowest routes",
                    "The ten routes whose p95 is highest.",
                    (
                        Query(
                            "topk(10, histogram_quantile(0.95, sum by (le, method, route)"
                            " (rate(vai_http_request_seconds_bucket[$__rate_interval]))))",
                            "{{method}} {{route}}",
                        ),
                    ),
                    "s",
                ),
                Panel(
                    "Open requests",
                    "Requests that are being answered; live streams are among them.",
                    (Query("sum(vai_http_requests_open)", "open"),),
                ),
                Panel(
                    "Log entries",
                    "Entries of runs' logs that are written a second, and those that could not be.",
                    (
                        rate("vai_log_entries_written_total", legend="written"),
                        rate_or_zero("vai_log_entries_dropped_total", "dropped"),
                    ),
                    "ops",
                ),
                Panel(
                    "Calls to the outside",
                    "Requests of `http_request` a second, by what came back.",
                    (rate("vai_outbound_calls_total", "outcome"),),
                    "ops",
                ),
                Panel(
                    "Time of calls to the outside",
                    "How long such a request takes.",
                    quantiles("vai_outbound_call_seconds"),
                    "s",
                ),
                Panel(
                    "Calls of models",
                    "Calls of language models a second, by what came of them.",
                    (rate("vai_model_calls_total", "outcome"),),
                    "ops",
                    quiet="no model is asked",
                ),
                Panel(
                    "Tokens of models",
                    "Tokens a second that went in and came out.",
                    (rate("vai_model_tokens_total", "direction"),),
                    "ops",
                    quiet="no model is asked",
                ),
                Panel(
                    "Cost of models",
                    "US dollars a second, by provider, where a price is known.",
                    (rate("vai_model_dollars_total", "provider"),),
                    quiet="no model is asked",
                ),
                Panel(
                    "Time of calls of models",
                    "How long a call of a language model takes.",
                    quantiles("vai_model_call_seconds"),
                    "s",
                    quiet="no model is asked",
                ),
                Panel(
                    "First words of models",
                    "How long a call waits for the first piece of its answer.",
                    quantiles("vai_model_first_text_seconds"),
                    "s",
                    quiet="no model is asked",
                ),
                Panel(
                    "Pages and searches",
                    "Pages that are read and searches of the web a second, and readers that a page brought down.",
                    (
                        rate("vai_pages_total", "outcome"),
                        rate("vai_searches_total", "outcome"),
                        rate_or_zero("vai_page_readers_lost_total", "readers lost"),
                    ),
                    "ops",
                    quiet="no page is asked for",
                ),
                Panel(
                    "Time of pages and searches",
                    "How long fetching and reading a page takes, and how long a search.",
                    (*quantiles("vai_page_seconds"), *quantiles("vai_search_seconds")),
                    "s",
                    quiet="no page is asked for",
                ),
                Panel(
                    "Steps of agents",
                    "Answers of models that agents' runs have written a second, and calls of tools, made and refused.",
                    (
                        rate_or_zero("vai_agent_steps_total", "steps"),
                        rate("vai_agent_calls_total", "outcome"),
                    ),
                    "ops",
                    quiet="no agent works",
                ),
                Panel(
                    "Runs lost for good",
                    "Runs that failed or were cancelled because their worker was lost.",
                    (rate_or_zero("vai_runs_lost_total", "lost"),),
                    "ops",
                    quiet="only what may not run twice",
                ),
                Panel(
                    "Runs by organisation",
                    "Live runs of the largest ones, only with VAI_METRICS_ORGANISATIONS.",
                    (
                        Query(
                            "sum by (organisation) (max by (organisation, phase) (vai_organisation_runs_live))",
                            "{{organisation}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
