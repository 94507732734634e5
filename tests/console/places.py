"""The pages of the console: each is looked at by axe, and pictured in both colours at both widths."""

PLACES = {
    "home": "/",
    "runs": "/runs",
    "runs-filtered": "/runs?status=failed&since=24h",
    "run": "/runs/{run}",
    "run-failed": "/runs/{failed}",
    "run-result": "/runs/{run}?tab=result",
    "run-timeline": "/runs/{run}?tab=attempts",
    "run-json": "/runs/{run}?tab=json",
    "approvals": "/approvals",
    "not-there": "/nowhere",
}
"""By the name of its picture. `{run}` is a run that completed, `{failed}` one that failed."""
