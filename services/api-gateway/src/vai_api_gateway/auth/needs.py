"""Which scope each operation needs of an API key that is narrowed, and whether a key has it (decision 76)."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final
from uuid import UUID

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.problems import Problem
from vai_records.people.scopes import NAMED, has

_AREAS: Final = {
    "action-runs": "runs",
    "alert-rules": "alerts",
    "api-keys": "keys",
    "automation-runs": "runs",
    "service-accounts": "users",
    "chat": "threads",
    "kinds": "catalogue",
    "logs": "runs",
    "models": "catalogue",
    "sources": "catalogue",
    "templates": "catalogue",
}
"""The area of a scope by the first word of the path, where it is not that word."""

_SPECIAL: Final = {
    "approve_run": "runs:approve",
    "backfill_automation": "automations:execute",
    "crystallize_agent_run": "automations:write",
    "crystallize_thread": "automations:write",
    "get_agent_run": "runs:read",
    "list_agent_runs": "runs:read",
    "reject_run": "runs:approve",
    "run_action": "actions:execute",
    "stream_agent_run": "runs:read",
    "trigger_automation": "automations:execute",
    "validate_automation": "automations:read",
}


class Rule(Enum):
    """What is no matter of a scope."""

    ANY = "any"
    NEVER = "never"


Need = str | Rule

FREE: Final = {
    "get_me": "whoever comes in may know who they are",
    "list_scopes": "it is the same for everybody",
    "speak": "each tool calls a route, which is judged by its own scope",
}
"""Operations that every key may call."""

CLOSED: Final = {
    "change_password": "keys have none",
    "create_user": "a person who signs in is not narrowed",
    "update_user": "a person with a new password or role is not narrowed",
    "delete_user": "who is narrowed decides about nobody",
    "create_service_account": "who is narrowed decides about nobody",
    "update_service_account": "who is narrowed decides about nobody",
    "delete_service_account": "who is narrowed decides about nobody",
}
"""Operations that no narrowed key may call: they would be a way to more than it has."""


def need_of(operation: str, path: str, *, is_reading: bool) -> Need:
    """The scope that an operation needs."""
    if operation in FREE:
        return Rule.ANY
    if operation in CLOSED:
        return Rule.NEVER
    word = path.removeprefix("/api/v1/").partition("/")[0]
    verb = "read" if is_reading else "write"
    return _SPECIAL.get(operation, f"{_AREAS.get(word, word)}:{verb}")


def judge(principal: Principal, need: Need, places: Mapping[str, Any] | None = None) -> None:
    """Raises `Problem` 403 where a narrowed key does not have the scope. `places` are the ids of the path."""
    scopes = principal.scopes
    if scopes is None or need is Rule.ANY:
        return
    told = ", ".join(sorted(scopes))
    if need is Rule.NEVER:
        raise _refused(f"no API key with scopes may do this; yours has {told}")
    assert isinstance(need, str)
    name = next(map(_plain, (places or {}).values()), None) if need in NAMED else None
    if not has(scopes, need, name):
        wanted = need if name is None else f"{need} (or {need}:{name})"
        raise _refused(f"this needs the scope {wanted}; this API key has {told}")


def _refused(message: str) -> Problem:
    return Problem(403, "scope_missing", message, ("header", "X-API-Key"))


def _plain(text: object) -> str:
    """An id as it is stored: a path may spell it otherwise."""
    try:
        return str(UUID(str(text)))
    except ValueError:
        return str(text)
