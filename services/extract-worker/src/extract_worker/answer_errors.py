"""Errors that come with the status 200: as the definition says what they look like, else as they usually do."""

import re
from collections.abc import Sequence
from typing import Any

from common.errors import ErrorCode, Permanent, Retryable, RunError
from extract_worker.selection import MISSING, is_envelope, value_at
from records.definitions.rest_requests import ErrorRule

_SIGNS = ("ok", "success", "error", "errors", "status", "fault")
_GRAPHQL = frozenset(("data", "errors", "extensions"))
_FAILED = ("error", "fail", "failed", "failure", "ko")
_QUOTA = re.compile(r"rate.?limit|too.?many|throttl|quota", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r"unauthori[sz]|not_authed|invalid.?(auth|api.?key|token)|token.?(expired|revoked)", re.IGNORECASE
)
_WORDS = ("error", "code", "error_code", "message", "msg", "detail", "error_description", "type", "reason", "title")
_INNER = ("error", "errors", "fault")
_LONGEST = 100
_RETRIED = (ErrorCode.RATE_LIMITED, ErrorCode.CONNECTION_ERROR)


def error_in(body: Any, rules: Sequence[ErrorRule] | None, place: str) -> RunError | None:
    """The error that an answer is; None where it is none. It shows the error's own words, never rows."""
    if rules is not None:
        return next((_error(ErrorCode(rule.code), place, _at(rule, body)) for rule in rules if _fits(rule, body)), None)
    if not isinstance(body, dict) or not any(sign in body for sign in _SIGNS) or not _is_error(body):
        return None
    said = _said(body)
    code = ErrorCode.DATA_ERROR
    if _QUOTA.search(said):
        code = ErrorCode.RATE_LIMITED
    elif _CREDENTIALS.search(said):
        code = ErrorCode.AUTH_ERROR
    return _error(code, place, said)


def _fits(rule: ErrorRule, body: Any) -> bool:
    found = value_at(rule.path, body)
    if found is MISSING:
        return False
    if rule.when is None:
        return bool(found)
    return any(found == one and isinstance(found, bool) == isinstance(one, bool) for one in rule.when)


def _at(rule: ErrorRule, body: Any) -> str:
    found = value_at(rule.path, body)
    return f"{rule.path} is {_short(found)}" if isinstance(found, str | int | float) else f"there is {rule.path}"


def _is_error(body: dict[str, Any]) -> bool:
    errors = body.get("errors")
    if errors and isinstance(errors, list) and body.keys() <= _GRAPHQL:
        return True
    if not is_envelope({key: value for key, value in body.items() if key not in ("errors", "fault")}):
        return False
    return (
        body.get("ok") is False
        or body.get("success") is False
        or any(bool(body.get(name)) for name in ("error", "errors", "fault"))
        or str(body.get("status", "")).lower() in _FAILED
    )


def _said(body: Any, depth: int = 0) -> str:
    """The words in which an answer tells its error."""
    if isinstance(body, str):
        return _short(body)
    if isinstance(body, list):
        return _said(body[0], depth + 1) if body and depth < 3 else ""
    if not isinstance(body, dict) or depth >= 3:
        return ""
    words = [_short(body[name]) for name in _WORDS if isinstance(body.get(name), str | int) and body[name] is not True]
    inner = [
        _said(body[name], depth + 1) for name in ("error", "errors", "fault") if isinstance(body.get(name), dict | list)
    ]
    return ", ".join(dict.fromkeys(word for word in (*words, *inner) if word))[: 3 * _LONGEST]


def _short(value: Any) -> str:
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", str(value))[:_LONGEST]


def _error(code: ErrorCode, place: str, said: str) -> RunError:
    text = f"{place} answered 200 with an error ({said or 'it says no more'}). Mend what it names; where this is no "
    text += "error, say in `errors` what one looks like, or errors: []."
    kind = Retryable if code in _RETRIED else Permanent
    return kind(code, text, {"url": place, "field": "errors"})
