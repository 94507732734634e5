"""What an operation is called in the audit log, and which operations leave no entry."""

from typing import Final, NamedTuple

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_ITS_RUN: Final = "what it makes is a run, which says who made it, when and from what"

LEFT_OUT: Final = {
    "create_run": _ITS_RUN,
    "create_runs": _ITS_RUN,
    "run_action": _ITS_RUN,
    "execute_run": "it starts a run, which says who made it; a log of runs is the list of runs",
    "trigger_automation": "what it makes is an automation run, which says who triggered it",
    "post_message": "what it makes is a message and its run, which say who wrote it",
    "refresh_flashboard": _ITS_RUN,
    "receive_webhook": "nobody of the organisation acts; what it makes is an automation run, which names its trigger",
    "validate_automation": "it changes nothing",
    "speak": "each tool calls a route, which leaves its own entry",
}
"""Operations that change something and leave no entry, with the reason."""

WRITES_ITSELF: Final = frozenset(
    {"create_session", "delete_session", "accept_invitation", "make_organisation", "change_organisation"}
)
"""Operations that write their entries themselves, since who asks is known late."""

_NOUNS: Final = {
    "action-runs": "run",
    "actions": "action",
    "agents": "agent",
    "alert-rules": "alert_rule",
    "alerts": "alert",
    "api-keys": "api_key",
    "artifacts": "artifact",
    "automation-runs": "automation_run",
    "automations": "automation",
    "chat": "thread",
    "connections": "connection",
    "events": "events",
    "flashboards": "flashboard",
    "invitations": "user",
    "me": "user",
    "organisation": "organisation",
    "secrets": "secret",
    "service-accounts": "service_account",
    "session": "session",
    "users": "user",
    "variables": "variable",
}
"""What is acted on, by the first word of the path."""

NOUNS: Final = tuple(sorted(set(_NOUNS.values())))
"""What can be acted on."""

_CALLED: Final = {
    "create_key": "create.api_key",
    "decide_about_runs": "decide.runs",
    "revoke_key": "revoke.api_key",
    "rotate_key": "rotate.api_key",
}
"""What operations are called whose names would say it less well."""


class Act(NamedTuple):
    """`action` is verb.noun; `target_type` is the noun of what the path's first id names."""

    action: str
    target_type: str


def act_of(operation: str, path: str) -> Act:
    """`update_user` at `/api/v1/users/{user_id}` is `update.user`, of a user."""
    word = path.removeprefix("/api/v1/").partition("/")[0]
    if path.startswith("/api/v1/agents/runs/"):
        word = "action-runs"
    verb, _, noun = operation.partition("_")
    return Act(_CALLED.get(operation, f"{verb}.{noun}"), _NOUNS.get(word, noun))
