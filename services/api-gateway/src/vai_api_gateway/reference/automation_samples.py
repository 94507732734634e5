"""Sample answers about automations, written out: one that extracts each morning and tells somebody (document 002)."""

from typing import Any

Json = dict[str, Any]

_AUTOMATION_ID = "019a9b4d-1c2d-7e3f-8a4b-5c6d7e8f9a0b"
_RUN_ID = "019a9b50-2b3c-7d4e-9f50-61728394a5b6"
_BEFORE_ID = "019a9b4d-1c2e-7e3f-8a4b-5c6d7e8f9a0c"
_USER_ID = "019a9b4e-0a1b-7c2d-8e3f-405162738495"
_WHEN, _LATER, _END = "2026-01-22T11:00:00Z", "2026-01-22T11:02:15Z", "2026-01-22T11:02:16Z"
_ACTION_RUNS = ("019a9b50-2b40-7a01-8c9d-0e1f2a3b4c5d", "019a9b52-3a10-7b02-9dae-1f2a3b4c5d6e")
_KINDS = {"extract": "dlt_extract", "tell": "http_request"}
_TIMES = ((_WHEN, _LATER), (_LATER, _END))
_RESULTS: tuple[Json, ...] = ({"recordsProcessed": 1250, "tables": ["orders"]}, {"status_code": 200})

_HOOK: Json = {
    "method": "POST",
    "url": "https://example.com/hook",
    "body": {"rows": "$/steps/extract/result/recordsProcessed"},
}
_STEPS: list[Json] = [
    {
        "key": "extract",
        "name": "Orders",
        "action": {"kind": "dlt_extract", "definition": {"source": "sample", "resources": ["orders"]}},
        "depends_on": [],
        "condition": {"type": "on_success"},
    },
    {
        "key": "tell",
        "name": None,
        "action": {"kind": "http_request", "definition": _HOOK},
        "depends_on": ["extract"],
        "condition": {"type": "on_success"},
    },
]
_SAID: Json = {
    "trigger": {
        "type": "schedule",
        "schedule": "0 6 * * *",
        "timezone": "America/New_York",
        "catchup": "latest",
        "overlap": "skip",
    },
    "conditions": [{"field": "inputs.day", "operator": "ne", "value": "sunday"}],
    "inputs": {"day": {"type": "string", "default": None, "required": False, "description": None}},
    "steps": _STEPS,
    "max_parallel": 3,
}
_AUTOMATION: Json = _SAID | {
    "createdAt": "2026-01-20T09:12:00Z",
    "createdBy": _USER_ID,
    "description": None,
    "enabled": True,
    "expose": False,
    "error": None,
    "id": _AUTOMATION_ID,
    "labels": {"team": "finance"},
    "latestRun": {
        "runId": _RUN_ID,
        "status": "completed",
        "displayStatus": "completed",
        "triggeredBy": "schedule",
        "startedAt": _WHEN,
        "completedAt": _END,
    },
    "name": "Orders every morning",
    "nextRunAt": "2026-01-23T11:00:00Z",
    "nextRuns": ["2026-01-23T11:00:00Z", "2026-01-24T11:00:00Z", "2026-01-25T11:00:00Z"],
    "slug": "orders-every-morning",
    "sourceId": None,
    "sourceType": "manual",
    "status": "active",
    "updatedAt": "2026-01-20T09:12:00Z",
    "updatedBy": _USER_ID,
    "webhookIgnoredAt": None,
    "versionId": "019a9b4e-7c1d-7e3f-8a51-2f0d6f3c9e20",
    "webhookUrl": None,
    "webhooksIgnored": 0,
}
_LISTED_RUNS: list[Json] = [
    {
        "completedAt": ended,
        "error": None,
        "kind": kind,
        "runId": run_id,
        "startedAt": began,
        "status": "completed",
        "stepKey": key,
    }
    for (key, kind), run_id, (began, ended) in zip(_KINDS.items(), _ACTION_RUNS, _TIMES, strict=True)
]
_LISTED: Json = {
    "actionRuns": _LISTED_RUNS,
    "automationId": _AUTOMATION_ID,
    "versionId": "019a9b4e-7c1d-7e3f-8a51-2f0d6f3c9e20",
    "completedAt": _END,
    "createdAt": _WHEN,
    "createdBy": None,
    "backfillId": None,
    "displayStatus": "completed",
    "error": None,
    "labels": {"team": "finance"},
    "parentActionRunId": None,
    "reason": None,
    "retryFrom": None,
    "retryOf": None,
    "runId": _RUN_ID,
    "scheduledFor": None,
    "startedAt": _WHEN,
    "status": "completed",
    "triggeredBy": "schedule",
}
_WHOLE: Json = _LISTED | {
    "actionRuns": [run | {"result": result} for run, result in zip(_LISTED_RUNS, _RESULTS, strict=True)],
    "event": {"type": "schedule", "occurredAt": _WHEN, "data": {"scheduledFor": _WHEN}},
    "inputs": {"scheduledFor": _WHEN},
    "steps": [
        {
            "completedAt": ended,
            "error": None,
            "key": step["key"],
            "kind": _KINDS[step["key"]],
            "name": step["name"],
            "port": None,
            "reason": None,
            "runId": run_id,
            "startedAt": began,
            "state": "completed",
        }
        for step, run_id, (began, ended) in zip(_STEPS, _ACTION_RUNS, _TIMES, strict=True)
    ],
}

_BACKFILL_ID = "019a9b61-1a2b-7c3d-8e4f-5061728394a5"
_VERSION: Json = {
    "createdAt": "2026-01-20T09:12:00Z",
    "createdBy": _USER_ID,
    "id": "019a9b4e-7c1d-7e3f-8a51-2f0d6f3c9e20",
    "isCurrent": True,
    "number": 2,
    "stepCount": 2,
}
_VERSION_BEFORE = _VERSION | {"id": _BEFORE_ID, "isCurrent": False, "number": 1, "stepCount": 1}
_CHANGE: Json = {"place": ["max_parallel"], "change": "changed", "before": 1, "after": 3}

AUTOMATION_SAMPLES: dict[str, Any] = {
    "AutomationShape": _AUTOMATION,
    "ValidShape": {"valid": True, **_SAID, "nextRuns": ["2026-01-23T11:00:00Z"], "warnings": []},
    "AutomationRunShape": _LISTED,
    "VersionShape": _VERSION,
    "WholeVersionShape": _VERSION
    | {name: _SAID[name] for name in ("conditions", "inputs", "steps", "max_parallel")}
    | {"error": None},
    "DifferenceShape": {"base": _VERSION_BEFORE, "version": _VERSION, "changes": [_CHANGE], "truncated": False},
    "MadeBackfillShape": {
        "automationId": _AUTOMATION_ID,
        "cancelled": 0,
        "cancelledAt": None,
        "cancelledBy": None,
        "completed": 3,
        "createdAt": _WHEN,
        "createdBy": _USER_ID,
        "failed": 0,
        "id": _BACKFILL_ID,
        "made": 10,
        "running": 1,
        "since": "2026-01-01T00:00:00Z",
        "status": "running",
        "until": "2026-01-11T00:00:00Z",
        "waiting": 6,
    },
    "BackfillShape": {
        "automationId": _AUTOMATION_ID,
        "backfillId": _BACKFILL_ID,
        "dryRun": False,
        "made": 1,
        "since": "2026-01-21T00:00:00Z",
        "times": [
            {"isNew": True, "runId": "019a9b61-2b3c-7d4e-9f50-61728394a5b6", "scheduledFor": "2026-01-21T11:00:00Z"},
            {"isNew": False, "runId": _RUN_ID, "scheduledFor": _WHEN},
        ],
        "until": "2026-01-23T00:00:00Z",
    },
    "WholeAutomationRunShape": _WHOLE,
}
"""By the name of the schema."""
