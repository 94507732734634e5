"""An example of every operation, that works as pasted; tests run every one."""

from typing import Any

from vai_api_gateway.reference.pasting import Example, Given

Json = dict[str, Any]

_RUNS = "/api/v1/action-runs"
_NOOP: Json = {"kind": "dlt_extract", "definition": {"source": "noop"}}
_ACTION: Json = {"kind": "dlt_extract", "name": "Nightly orders $N", "definition": {"source": "sample", "rows": 100}}
_CONNECTION: Json = {
    "provider": "rest",
    "name": "Orders API $N",
    "config": {"base_url": "https://api.example.com"},
    "credentials": {"token": "secret"},
}
_BRANCH: Json = {
    "kind": "conditional_branch",
    "definition": {"input": {"n": 5}, "conditions": [{"field": "n", "operator": "gt", "value": 3}]},
}
_UNREACHABLE: Json = {
    "kind": "http_request",
    "definition": {"url": "http://127.0.0.1:9/", "retry": {"max_attempts": 1}},
}
_PASSWORD = "correct horse battery staple"
_USER: Json = {"email": "ada-$N@example.com", "role": "operator", "firstName": "Ada", "password": _PASSWORD}

_A_RUN = Given("RUN_ID", f"{_RUNS}?defer=true", _NOOP)
_A_QUEUED_RUN = Given("RUN_ID", _RUNS, _NOOP)
_A_GATE = Given("RUN_ID", _RUNS, {"kind": "approval_gate"})
_A_FAILED_RUN = Given("RUN_ID", _RUNS, _UNREACHABLE)
_AN_ACTION = Given("ACTION_ID", "/api/v1/actions", _ACTION)
_A_CONNECTION = Given("CONNECTION_ID", "/api/v1/connections", _CONNECTION)
_A_LOCAL_CONNECTION = Given(
    "CONNECTION_ID",
    "/api/v1/connections",
    {"provider": "rest", "name": "Local $N", "config": {"base_url": "http://127.0.0.1:9"}},
)
_A_USER = Given("USER_ID", "/api/v1/users", _USER)
_ROBOT: Json = {"name": "robot $N", "role": "operator"}
_A_ROBOT = Given("ACCOUNT_ID", "/api/v1/service-accounts", _ROBOT)
_A_KEY = Given("KEY_ID", "/api/v1/api-keys", {"name": "robot $N", "role": "viewer"})

_AUTOMATION: Json = {
    "name": "Orders every morning $N",
    "labels": {"team": "finance"},
    "trigger": {"type": "schedule", "schedule": "0 6 * * *", "timezone": "America/New_York"},
    "actions": [
        {"key": "extract", "kind": "dlt_extract", "definition": {"source": "noop"}},
        {"key": "ask", "kind": "approval_gate", "definition": {"title": "Go on?"}},
    ],
}
_AN_AUTOMATION = Given("AUTOMATION_ID", "/api/v1/automations", _AUTOMATION)
_A_FAILING_AUTOMATION = Given(
    "AUTOMATION_ID",
    "/api/v1/automations",
    {"name": "Fails $N", "actions": [{"kind": "http_request", "definition": {"url": "$/inputs/gone"}}]},
)
_A_FAILED_AUTOMATION_RUN = Given(
    "RUN_ID", "/api/v1/automations/$AUTOMATION_ID/trigger", {}, "runId", {"Prefer": "wait=10"}
)
_A_VERSION = Given("VERSION_ID", "/api/v1/automations/$AUTOMATION_ID/resume", {}, "versionId")
_A_BACKFILL = Given(
    "BACKFILL_ID",
    "/api/v1/automations/$AUTOMATION_ID/backfill",
    {"since": "2026-01-01T00:00:00Z", "until": "2026-01-11T00:00:00Z"},
    "backfillId",
)
_AN_AUTOMATION_RUN = Given("RUN_ID", "/api/v1/automations/$AUTOMATION_ID/trigger", {}, "runId")
_A_HOOK = Given(
    "AUTOMATION_ID",
    "/api/v1/automations",
    {
        "name": "Orders as they come $N",
        "trigger": {"type": "webhook", "path": "/hooks/orders-$N", "secret": "$SECRET"},
        "actions": [_NOOP],
    },
)
_AGENT: Json = {
    "name": "Order analyst $N",
    "instructions": "Answer questions about orders with a query. Say which tables you used.",
    "datasets": ["bronze.sample.orders"],
    "tools": [{"kind": "http_request", "name": "look_up", "maySet": ["url"], "approval": True}],
    "allowedDomains": ["example.com"],
}
_AN_AGENT = Given("AGENT_ID", "/api/v1/agents", _AGENT)
_LOCAL_MODELS: Json = {
    "provider": "openai_compatible",
    "name": "Local models $N",
    "slug": "local-$N",
    "config": {"base_url": "http://127.0.0.1:9/v1", "models": ["qwen3"]},
}
_AN_AGENT_RUN = (
    Given("CONNECTION_ID", "/api/v1/connections", _LOCAL_MODELS),
    Given("AGENT_ID", "/api/v1/agents", _AGENT | {"slug": "analyst-$N", "model": "local-$N/qwen3"}),
    Given(
        "RUN_ID",
        f"{_RUNS}?defer=true",
        {"kind": "call_agent", "definition": {"agent": "analyst-$N", "question": "How many orders are there?"}},
    ),
    Given("CANCELLED", f"{_RUNS}/$RUN_ID/cancel", {}),
)
_A_THREAD = (
    Given("CONNECTION_ID", "/api/v1/connections", _LOCAL_MODELS),
    Given("THREAD_ID", "/api/v1/chat/threads", {"model": "local-$N/qwen3"}),
)
_A_MESSAGE = (
    *_A_THREAD,
    Given("MESSAGE_ID", "/api/v1/chat/threads/$THREAD_ID/messages", {"text": "How many orders are there?"}),
)
A_THREAD_WITH_CALLS = "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e11"
"""Its reader has one of their own: a thread in which an agent called something."""
A_COMPLETED_AGENT_RUN = "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10"
"""Only an agent-worker with a model completes one: its reader has one of their own."""

AN_ARTIFACT = "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e12"
"""Only a sync makes one: its reader has one of their own."""

_ORDERS = {"dataset": "bronze.sample.orders"}
_SALES, _OLD_SALES = {"flashboard": "sales"}, {"flashboard": "old-sales"}
_AN_ARTIFACT = {"artifact_id": AN_ARTIFACT}
_A_LINK = Given("LINK_ID", "/api/v1/flashboards/sales/links", {})
_ALERT_RULE: Json = {
    "name": "Failures to us",
    "tells": ["failed", "awaiting_approval"],
    "filters": {"kinds": ["dlt_extract"], "labels": {"team": "sales"}},
    "channel": {"type": "slack", "url": "https://hooks.slack.com/services/T000/B000/XXXX"},
}
_VARIABLE: Json = {"value": "https://shop.example.com", "description": "The shop that orders come from"}
_SECRET: Json = {"value": "shop-token-4711", "description": "Opens the API of the shop"}
_A_VARIABLE = Given("NAME", "/api/v1/variables/shop_$N", _VARIABLE, "name", method="PUT")
_A_SECRET = Given("NAME", "/api/v1/secrets/shop_token_$N", _SECRET, "name", method="PUT")
_AN_ALERT_RULE = Given("RULE_ID", "/api/v1/alert-rules", _ALERT_RULE)
_AN_ALERT = (_AN_ALERT_RULE, Given("ALERT_ID", "/api/v1/alert-rules/$RULE_ID/test", {}))
A_GIVEN_UP_ALERT = "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e12"
"""Only a scheduler gives one up: its reader has one of their own."""
_MY_ORGANISATION = Given("ORG_ID", "/api/v1/me", None, "organisationId")

EXAMPLES: dict[str, Example] = {
    # Kinds
    "list_kinds": Example(),
    "list_templates": Example(),
    # Sources
    "list_sources": Example(),
    "get_source": Example(given=(Given("NAME", "/api/v1/sources/sample", None, "name"),)),
    # Datasets
    "list_datasets": Example(query="?q=orders&layer=bronze,gold&limit=20"),
    "get_dataset": Example(places=_ORDERS),
    "list_versions": Example(query="?limit=10", places=_ORDERS),
    "get_lineage": Example(query="?direction=downstream&depth=3&columns=true", places=_ORDERS),
    "preview_dataset": Example(query="?rows=5", places=_ORDERS),
    "profile_column": Example(query="?column=id", places=_ORDERS),
    "download_dataset": Example(query="?format=csv", places=_ORDERS),
    # Artifacts
    "list_artifacts": Example(query="?folder=shop/invoices&limit=20"),
    "get_artifact": Example(places=_AN_ARTIFACT),
    "download_artifact": Example(places=_AN_ARTIFACT),
    "share_artifact": Example({"minutes": 60}, places=_AN_ARTIFACT),
    # Models
    "list_models": Example(),
    # Connections
    "list_connections": Example(query="?provider=shopify,rest&limit=10"),
    "create_connection": Example(_CONNECTION),
    "get_connection": Example(given=(_A_CONNECTION,)),
    "update_connection": Example({"maxRunning": 4}, given=(_A_CONNECTION,)),
    "delete_connection": Example(given=(_A_CONNECTION,)),
    "try_connection": Example(given=(_A_LOCAL_CONNECTION,)),
    # Actions
    "list_actions": Example(query="?q=orders&kinds=dlt_extract&sort_by=name&order=asc"),
    "create_action": Example(_ACTION),
    "get_action": Example(given=(_AN_ACTION,)),
    "get_action_by_slug": Example(given=(Given("SLUG", "/api/v1/actions", _ACTION, "slug"),)),
    "update_action": Example({"definition": {"source": "sample", "rows": 500}}, given=(_AN_ACTION,)),
    "delete_action": Example(given=(_AN_ACTION,)),
    "run_action": Example({"definitionOverrides": {"rows": 10}}, given=(_AN_ACTION,)),
    # Action runs
    "list_runs": Example(query="?status=running,failed&kind=dlt_extract&label=team=finance&limit=20"),
    "create_run": Example(_BRANCH),
    "get_run": Example(given=(_A_RUN,)),
    "delete_run": Example(given=(_A_FAILED_RUN,)),
    "execute_run": Example(given=(_A_RUN,), headers={"Prefer": "respond-async"}),
    "approve_run": Example(given=(_A_GATE,), headers={"Prefer": "respond-async"}),
    "reject_run": Example({"reason": "not today"}, given=(_A_GATE,)),
    "cancel_run": Example(given=(_A_RUN,)),
    "pause_run": Example(given=(_A_RUN,)),
    "resume_run": Example(given=(_A_RUN, Given("PAUSED", f"{_RUNS}/$RUN_ID/pause", {}))),
    "retry_run": Example(given=(_A_FAILED_RUN,), headers={"Prefer": "respond-async"}),
    "run_again": Example(given=(_A_FAILED_RUN,), headers={"Prefer": "respond-async"}),
    "decide_about_runs": Example({"operation": "reject", "filters": {"label": ["team=demo"]}}),
    "create_runs": Example({"runs": [_NOOP, _BRANCH]}),
    "stream_changes": Example(query="?status=running,completed,failed", options="-N"),
    # Logs
    "get_logs": Example(given=(_A_QUEUED_RUN,), query="?level=warning&limit=50"),
    "stream_logs": Example(given=(_A_FAILED_RUN,), options="-N"),
    "search_logs": Example(query="?q=order&level=info&kind=dlt_extract&limit=20"),
    # Automations
    "list_automations": Example(query="?q=orders&triggers=schedule,webhook&label=team=finance&sort_by=name&order=asc"),
    "create_automation": Example(_AUTOMATION),
    "validate_automation": Example(_AUTOMATION),
    "get_automation": Example(given=(_AN_AUTOMATION,)),
    "get_automation_by_slug": Example(given=(Given("SLUG", "/api/v1/automations", _AUTOMATION, "slug"),)),
    "update_automation": Example({"max_parallel": 5, "enabled": False}, given=(_AN_AUTOMATION,)),
    "delete_automation": Example(given=(_AN_AUTOMATION,)),
    "pause_automation": Example(given=(_AN_AUTOMATION,)),
    "resume_automation": Example(given=(_AN_AUTOMATION,)),
    "trigger_automation": Example({"inputs": {"day": "2026-01-31"}}, given=(_AN_AUTOMATION,)),
    "list_automation_versions": Example(query="?limit=20", given=(_AN_AUTOMATION,)),
    "get_automation_version": Example(given=(_AN_AUTOMATION, _A_VERSION)),
    "compare_automation_versions": Example(given=(_AN_AUTOMATION, _A_VERSION)),
    "restore_automation_version": Example(given=(_AN_AUTOMATION, _A_VERSION)),
    "backfill_automation": Example(
        {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z", "dryRun": True}, given=(_AN_AUTOMATION,)
    ),
    "list_automation_backfills": Example(query="?limit=20", given=(_AN_AUTOMATION,)),
    "get_automation_backfill": Example(given=(_AN_AUTOMATION, _A_BACKFILL)),
    "cancel_automation_backfill": Example(given=(_AN_AUTOMATION, _A_BACKFILL)),
    "copy_automation": Example(given=(_AN_AUTOMATION,)),
    "draw_automation": Example(query="?format=svg", given=(_AN_AUTOMATION,)),
    # Automation runs
    "list_automation_runs": Example(query="?status=running,failed&triggered_by=schedule&label=team=finance&limit=20"),
    "get_automation_run": Example(given=(_AN_AUTOMATION, _AN_AUTOMATION_RUN)),
    "cancel_automation_run": Example(given=(_AN_AUTOMATION, _AN_AUTOMATION_RUN)),
    "execute_automation_run": Example(given=(_AN_AUTOMATION, _AN_AUTOMATION_RUN)),
    "retry_automation_run": Example(given=(_A_FAILING_AUTOMATION, _A_FAILED_AUTOMATION_RUN)),
    "get_automation_run_logs": Example(given=(_AN_AUTOMATION, _AN_AUTOMATION_RUN), query="?limit=50"),
    "stream_automation_run": Example(given=(_AN_AUTOMATION, _AN_AUTOMATION_RUN), options="-N"),
    "draw_automation_run": Example(given=(_AN_AUTOMATION, _AN_AUTOMATION_RUN)),
    # Agents
    "list_agents": Example(query="?q=analyst&label=team=finance&limit=20"),
    "create_agent": Example(_AGENT),
    "get_agent": Example(given=(_AN_AGENT,)),
    "get_agent_by_slug": Example(given=(Given("SLUG", "/api/v1/agents", _AGENT, "slug"),)),
    "update_agent": Example({"limits": {"steps": 10, "tokens": 100000}}, given=(_AN_AGENT,)),
    "delete_agent": Example(given=(_AN_AGENT,)),
    "list_agent_runs": Example(query="?status=running,completed&limit=20"),
    "get_agent_run": Example(given=_AN_AGENT_RUN, query="?limit=50"),
    "stream_agent_run": Example(given=_AN_AGENT_RUN, options="-N"),
    "crystallize_agent_run": Example(
        {"name": "Orders of a city", "parameters": {"city": "Konya"}}, places={"run_id": A_COMPLETED_AGENT_RUN}
    ),
    # Flashboards
    "list_flashboards": Example(query="?q=sales&limit=20"),
    "get_flashboard": Example(places=_SALES),
    "delete_flashboard": Example(places=_OLD_SALES),
    "refresh_flashboard": Example({"values": {"region": "Europe"}}, places=_SALES),
    "list_flashboard_versions": Example(query="?limit=10", places=_SALES),
    "get_flashboard_version": Example(places={**_SALES, "number": "2"}),
    "delete_flashboard_version": Example(places={**_SALES, "number": "1"}),
    "export_flashboard": Example(places=_SALES),
    "export_flashboard_tile": Example(query="?format=csv", places={**_SALES, "tile": "orders"}),
    "list_flashboard_links": Example(places=_SALES),
    "share_flashboard": Example({"days": 7, "note": "for the board"}, places=_SALES),
    "revoke_flashboard_link": Example(given=(_A_LINK,), places=_SALES),
    # Threads
    "list_threads": Example(query="?q=orders&limit=20"),
    "create_thread": Example({"name": "Orders", "model": "local-$N/qwen3"}, given=_A_THREAD[:1]),
    "get_thread": Example(given=_A_THREAD),
    "update_thread": Example({"name": "Orders of Konya"}, given=_A_THREAD),
    "delete_thread": Example(given=_A_THREAD),
    "list_messages": Example(query="?limit=20", given=_A_MESSAGE),
    "post_message": Example({"text": "How many orders are there?"}, given=_A_THREAD),
    "get_message": Example(given=_A_MESSAGE),
    "stop_thread": Example(given=_A_MESSAGE),
    "crystallize_thread": Example(
        {"name": "Orders of a city", "parameters": {"city": "Konya"}}, places={"thread_id": A_THREAD_WITH_CALLS}
    ),
    # Alerts
    "list_alert_rules": Example(),
    "create_alert_rule": Example(_ALERT_RULE),
    "get_alert_rule": Example(given=(_AN_ALERT_RULE,)),
    "update_alert_rule": Example({"pauseSeconds": 3600, "tells": ["failed", "partial"]}, given=(_AN_ALERT_RULE,)),
    "delete_alert_rule": Example(given=(_AN_ALERT_RULE,)),
    "try_alert_rule": Example(given=(_AN_ALERT_RULE,)),
    "list_alerts": Example(query="?status=given_up,waiting&limit=20"),
    "get_alert": Example(given=_AN_ALERT),
    "send_alert_again": Example(places={"alert_id": A_GIVEN_UP_ALERT}),
    # System
    "get_system": Example(),
    # Variables
    "list_variables": Example(query="?q=shop&limit=20"),
    "get_variable": Example(given=(_A_VARIABLE,)),
    "put_variable": Example(_VARIABLE, places={"name": "shop_$N"}),
    "delete_variable": Example(given=(_A_VARIABLE,)),
    "list_secrets": Example(query="?q=shop&limit=20"),
    "get_secret": Example(given=(_A_SECRET,)),
    "put_secret": Example(_SECRET, places={"name": "shop_token_$N"}),
    "delete_secret": Example(given=(_A_SECRET,)),
    # Webhooks
    "receive_webhook": Example(
        {"order": {"id": 1042, "total": 129.9}},
        given=(_MY_ORGANISATION, _A_HOOK),
        signed=True,
        places={"path": "hooks/orders-$N"},
    ),
    # Events
    "replay_events": Example({"types": ["action.completed"], "since": "$HOUR_AGO"}),
    # Session
    "create_session": Example(),
    "delete_session": Example(),
    "get_me": Example(),
    "accept_invitation": Example(
        {"token": "$INVITATION", "password": _PASSWORD},
        given=(Given("INVITATION", "/api/v1/users", _USER, "invitationToken"),),
    ),
    "change_password": Example(
        {"current": _PASSWORD, "new": f"{_PASSWORD} $N"},
        given=(_A_USER, Given("TOKEN", "/api/v1/session", {"email": _USER["email"], "password": _PASSWORD}, "token")),
        token=True,
    ),
    # Organisation, users, API keys
    "get_organisation": Example(),
    "update_organisation": Example({"settings": {"maxRunning": None}}),
    "list_users": Example(query="?role=operator,admin"),
    "create_user": Example(_USER),
    "get_user": Example(given=(_A_USER,)),
    "update_user": Example({"role": "viewer"}, given=(_A_USER,)),
    "delete_user": Example(given=(_A_USER,)),
    "list_keys": Example(query="?limit=10"),
    "create_key": Example(_A_KEY.body),
    "get_key": Example(given=(_A_KEY,)),
    "rotate_key": Example({"overlapMinutes": 30}, given=(_A_KEY,)),
    "revoke_key": Example(given=(_A_KEY,)),
    "list_scopes": Example(),
    # Service accounts
    "list_service_accounts": Example(query="?q=robot&limit=20"),
    "create_service_account": Example(_ROBOT),
    "get_service_account": Example(given=(_A_ROBOT,)),
    "update_service_account": Example({"status": "disabled"}, given=(_A_ROBOT,)),
    "delete_service_account": Example(given=(_A_ROBOT,)),
    # Audit
    "list_audit_entries": Example(query="?action=create.action&outcome=done&limit=20"),
}
"""By the name of the operation, in reading order."""
