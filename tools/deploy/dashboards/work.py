"""What moves data, and what connects actions: data pipelines, automations."""

from tools.deploy.dashboards.panels import Dashboard, Panel, Query, most, quantiles, rate, rate_or_zero

_DATA = '{kind=~"dlt_extract|file_sync|duckdb_transform"}'

DATA = Dashboard(
    "vai-data",
    "VAI: data pipelines",
    "Extractions and transforms: how much they move, how long they take, what they need.",
    (
        (
            "Rows and bytes",
            (
                Panel(
                    "Rows to bronze by source",
                    "Rows that became durable in bronze a second.",
                    (rate("vai_extract_rows_total", "source"),),
                    "ops",
                    "stack",
                ),
                Panel(
                    "Bytes to bronze by source",
                    "Bytes of parquet files a second.",
                    (rate("vai_extract_bytes_total", "source"),),
                    "Bps",
                    "stack",
                ),
                Panel(
                    "Slices by source",
                    "Commits to bronze a second: what is committed is never done again.",
                    (rate("vai_extract_slices_total", "source"),),
                    "ops",
                ),
                Panel(
                    "Files synced",
                    "Files that file_sync has committed a second, by what became of them.",
                    (rate("vai_sync_files_total", "direction, change", "{{direction}} {{change}}"),),
                    "ops",
                    "stack",
                    quiet="nothing is synced",
                ),
                Panel(
                    "Bytes synced",
                    "Bytes of files that file_sync has transferred a second.",
                    (rate("vai_sync_bytes_total", "direction"),),
                    "Bps",
                    "stack",
                    quiet="nothing is synced",
                ),
                Panel(
                    "Rejected rows by source",
                    "Rows that were put aside because a rule of their table refused them.",
                    (rate("vai_extract_rejected_rows_total", "source"),),
                    "ops",
                    quiet="no source sends bad rows",
                ),
                Panel(
                    "Waiting for a vendor's pace by source",
                    "Seconds a second that requests wait for their turn: more than is permitted is asked for.",
                    (rate("vai_extract_pace_seconds_total", "source"),),
                    "s",
                    quiet="no source of a vendor is read",
                ),
                Panel(
                    "Records of completed runs",
                    "What completed extractions and transforms say they have processed.",
                    (rate(f"vai_run_records_total{_DATA}", "kind"),),
                    "ops",
                ),
            ),
        ),
        (
            "Upkeep of tables",
            (
                Panel(
                    "Tables looked after",
                    "By layer, and whether it went well: a table that failed says why (vai datasets show).",
                    (
                        Query(
                            "sum by (layer, outcome) (rate(vai_upkeep_turns_total[$__rate_interval]))",
                            "{{layer}} {{outcome}}",
                        ),
                    ),
                    "ops",
                    quiet="no table is due",
                ),
                Panel(
                    "Small files put together",
                    "Files that became few large ones.",
                    (rate("vai_upkeep_compacted_files_total", "layer"),),
                    "ops",
                    quiet="no table has small files",
                ),
                Panel(
                    "Old files removed",
                    "Of versions that are too old to be read, and of lost writers.",
                    (rate("vai_upkeep_removed_files_total", "layer"),),
                    "ops",
                    quiet="no version is old enough",
                ),
            ),
        ),
        (
            "Flashboards",
            (
                Panel(
                    "Versions written",
                    "Refreshes that ended well.",
                    (rate("vai_flashboard_versions_total"),),
                    "ops",
                    quiet="none is refreshed",
                ),
                Panel(
                    "What they keep",
                    "Rows and drawings, compressed; Postgres holds them.",
                    (rate("vai_flashboard_bytes_total"),),
                    "Bps",
                    quiet="none is refreshed",
                ),
            ),
        ),
        (
            "Runs",
            (
                Panel(
                    "How long they take",
                    "95 of 100 runs of a kind take less, from their last claim to their end.",
                    quantiles("vai_run_duration_seconds", (0.95,), _DATA, "kind"),
                    "s",
                ),
                Panel(
                    "Failures by code",
                    "Runs that failed for good.",
                    (
                        Query(
                            f"sum by (kind, code) (rate(vai_run_failures_total{_DATA}[$__rate_interval]))",
                            "{{kind}} {{code}}",
                        ),
                    ),
                    "ops",
                    quiet="nothing fails",
                ),
                Panel(
                    "Retries by code",
                    "Attempts after which a run waits for the next one.",
                    (
                        Query(
                            f"sum by (kind, code) (rate(vai_run_retries_total{_DATA}[$__rate_interval]))",
                            "{{kind}} {{code}}",
                        ),
                    ),
                    "ops",
                    quiet="nothing is retried",
                ),
            ),
        ),
        (
            "Children and the lake",
            (
                Panel(
                    "Child processes",
                    "One for each heavy run at work.",
                    (Query("sum(vai_child_processes)", "children"),),
                ),
                Panel(
                    "Memory of children",
                    "What all children hold, and what one of them may hold at most.",
                    (
                        Query("sum(vai_child_memory_bytes)", "all children"),
                        Query("max(vai_child_memory_limit_bytes)", "limit of one child"),
                    ),
                    "bytes",
                ),
                Panel(
                    "Children that ended early",
                    "memory: over the limit of one child, the run fails. crash, frozen: retried.",
                    (
                        rate_or_zero("vai_children_ended_early_total", "all"),
                        rate("vai_children_ended_early_total", "why"),
                    ),
                    "ops",
                    quiet="none ends early",
                ),
                Panel(
                    "Disk of the lake",
                    "Free and whole size, where the lake is a folder. Full: no extraction goes on.",
                    (Query("min(vai_lake_free_bytes)", "free"), Query("min(vai_lake_size_bytes)", "size")),
                    "bytes",
                ),
            ),
        ),
    ),
)

AUTOMATIONS = Dashboard(
    "vai-automations",
    "VAI: automations",
    "What starts automations, how their steps go on, and whether schedules and events are late.",
    (
        (
            "Automation runs",
            (
                Panel(
                    "Started, by what",
                    "Automation runs that begin each second, by what started them.",
                    (rate("vai_automation_runs_created_total", "triggered_by"),),
                    "ops",
                    "stack",
                ),
                Panel(
                    "Ended",
                    "Automation runs a second, by their end.",
                    (rate("vai_automation_runs_ended_total", "status"),),
                    "ops",
                    "stack",
                ),
                Panel(
                    "Running now",
                    "Automation runs that have begun, or wait for an earlier one of their schedule.",
                    (most("vai_automation_runs_live", legend="running"),),
                    quiet="an idle moment has none",
                ),
                Panel(
                    "Cut off",
                    "Left out because one cause had started too many: a loop of events, perhaps.",
                    (rate_or_zero("vai_automation_runs_cut_off_total", "cut off"),),
                    "ops",
                    quiet="no automation starts itself",
                ),
            ),
        ),
        (
            "From step to step",
            (
                Panel(
                    "Looks",
                    "Looks at automation runs a second. busy: another scheduler looked at that moment.",
                    (rate("vai_automation_looks_total", "outcome"),),
                    "ops",
                ),
                Panel(
                    "How long a look takes",
                    "Within it the next steps are decided and their runs made.",
                    quantiles("vai_automation_look_seconds"),
                    "s",
                ),
                Panel(
                    "Lag of a look",
                    "From the news (a step ended) to the look at it. High: the scheduler is full.",
                    quantiles("vai_automation_look_lag_seconds"),
                    "s",
                ),
                Panel(
                    "Looks that are due",
                    "Automation runs that wait in a scheduler for a look.",
                    (Query("sum(vai_automation_looks_due)", "due"),),
                    quiet="looks are quick",
                ),
            ),
        ),
        (
            "Triggers",
            (
                Panel(
                    "Schedules: lateness",
                    "From a schedule's time to its automation run.",
                    quantiles("vai_schedule_lateness_seconds"),
                    "s",
                ),
                Panel(
                    "Schedules: overdue",
                    "How long the most overdue schedule has waited. Rising: no scheduler fires.",
                    (most("vai_schedule_overdue_seconds", legend="overdue"),),
                    "s",
                    quiet="all fire in time",
                ),
                Panel(
                    "Events",
                    "Events handed to automations a second.",
                    (rate("vai_events_handed_out_total", legend="handed out"),),
                    "ops",
                ),
                Panel(
                    "Events that wait",
                    "Events that automations wait for and have not got.",
                    (most("vai_events_unhandled", legend="wait"),),
                    quiet="they are handed out at once",
                ),
                Panel(
                    "Alerts for people",
                    "Attempts to send them, by channel and by what became of them.",
                    (rate("vai_alert_attempts_total", "channel, outcome", "{{channel}}: {{outcome}}"),),
                    "ops",
                    quiet="no rule has told anything",
                ),
                Panel(
                    "News for alerts",
                    "What alert rules were held against, a second.",
                    (rate("vai_alert_news_gathered_total", legend="gathered"),),
                    "ops",
                    quiet="nothing that a rule could tell has happened",
                ),
                Panel(
                    "OpenLineage events",
                    "What became of them; `failed` are turns in which the receiver was away.",
                    (rate("vai_lineage_events_total", "outcome", "{{outcome}}"),),
                    "ops",
                    quiet="the installation has no receiver of them",
                ),
                Panel(
                    "OpenLineage events that wait",
                    "For their receiver, and for how many seconds the oldest has.",
                    (
                        Query("max(vai_lineage_waiting)", "waiting"),
                        Query("max(vai_lineage_waiting_seconds)", "seconds of the oldest"),
                    ),
                    "short",
                    quiet="the installation has no receiver of them",
                ),
                Panel(
                    "Webhooks",
                    "Taken by what became of them, refused by why.",
                    (
                        rate("vai_webhooks_taken_total", "status", "taken: {{status}}"),
                        rate("vai_webhooks_refused_total", "reason", "refused: {{reason}}"),
                    ),
                    "ops",
                ),
            ),
        ),
    ),
)
