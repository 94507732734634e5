"""The order of the guide's pages, by what a reader wants to do. Every page of docs/ stands here once."""

CONTENTS: dict[str, tuple[str, ...]] = {
    "Start here": ("quickstart/rest", "quickstart/events", "quickstart/platform", "quickstart/operator"),
    "Tutorials": ("first-steps", "write-a-source", "crystallization", "kubernetes"),
    "Coming from other tools": ("from-other-tools",),
    "Move data": (
        "extraction", "rest-api", "files", "file-sync", "sql-database", "vendors", "transforms", "datasets",
        "flashboards", "research", "lineage",
    ),
    "Connect and automate": ("automations", "webhooks", "streams", "variables", "finding-runs", "alerts"),
    "Work with models": ("models", "agents", "threads", "mcp"),
    "Tools": ("console", "cli", "python-client", "typescript-client"),
    "Operate": (
        "running", "operations", "operations/backup", "operations/rollouts", "operations/secrets", "access", "capacity",
        "durability",
    ),
    "Reference": ("api", "kinds", "errors", "sources", "events", "metrics", "lifecycle", "glossary"),
    "When an alert fires": (
        "runbooks/no-worker", "runbooks/queue-age", "runbooks/runs-fail", "runbooks/schedules-late",
        "runbooks/processes-lost", "runbooks/not-measured", "runbooks/database-connections", "runbooks/event-lag",
        "runbooks/journal-unpublished", "runbooks/lake-disk", "runbooks/alerts-not-sent", "runbooks/certificate",
    ),
    "How it is built": ("architecture", "rules", "decisions", "audit", "releasing"),
}  # fmt: skip

HOME = "index"


def tree() -> str:
    """The contents as Sphinx reads them, at the end of the first page."""
    parts = []
    for caption, pages in CONTENTS.items():
        lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
