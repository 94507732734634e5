"""Recognises errors that come with the status 200: by what the definition says, else by their usual forms."""

import re
from collections.abc import Sequence
from typing import Any

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.values.selection import MISSING, plain, value_at, words
from vai_records.definitions.sources.rest_requests import ErrorRule
from vai_records.secrets.hiding import shortened

_GRAPHQL = frozenset(("data", "errors", "extensions"))
_FLAGS = words("ok success issuccess successful issuccessful succeeded hassucceeded")
_STATES = words("status result state outcome stat")
_FAILED = words("error err fail failed failure ko nok exception fault false")
_FINE = words("ok success successful succeeded done true none null no false 0 00 000 0000 00000")
_TOLD = words("message msg detail reason statusmessage statustext responsemessage")
_BESIDE = words("documentationurl requestid timestamp traceid")
_IDS_OF_ERRORS = words("requestid processid traceid correlationid logid errorid errid")
_IDS = re.compile(r"(?!.*(valid|paid|grid|void)$).*(id|uuid)")
_NAMES_OF_ERRORS = re.compile(
    r"(?!\w*(count|rate|budget|margin)$)\w*(error|(?<!de)fault|exception)\w*|err(code|msg|no|message|or)?s?"
)
_WRAPPING = words(
    "ok success issuccess successful issuccessful succeeded status statuscode statusmessage state result outcome stat "
    "code subcode message messages msg detail details reason reasons description title type name kind object instance "
    "warnings info help hint solution url path meta metadata requestid processid traceid correlationid logid reference "
    "timestamp time date took duration version apiversion docs documentationurl helpurl moreinfo count total page "
    "limit offset extensions fields param target level severity"
)
_REASONS = words("reasons reason messages message warnings details detail")
_WRAPPERS = words("response result data body d answer output payload meta head header status envelope root")
_HEADS = words("meta head header status")
_ENDS_AS_ERROR = re.compile(r"\w*(exception|error|fault)", re.IGNORECASE)
_QUOTA = re.compile(r"rate.?(limit|exceed)|too.?many|throttl|quota|limit.?(reached|exceeded)", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r"unauthori[sz]|not_?auth|no_?auth|invalid.?(auth|api.?key|key|token|session|credential|grant)|"
    r"(token|session).?(is.?)?(expired|revoked)",
    re.IGNORECASE,
)
_WORDS = (
    *("error", "code", "errorcode", "message", "msg", "detail", "errordescription", "type", "reason", "title"),
    *("errormessage", "errcode", "errmsg", "errorid", "errortype", "name"),
)
_INNER = ("error", "errors", "fault", "reasons", "response", "result", "meta", "status", "head", "header")
_LONGEST = 100
_WIDEST = 40
"""How many keys an answer may have to count as an error. With more keys it is data."""
_MOST_ERRORS = 10
_RETRIED = (ErrorCode.RATE_LIMITED, ErrorCode.CONNECTION_ERROR)


def error_in(body: Any, rules: Sequence[ErrorRule] | None, place: str) -> RunError | None:
    """The error in an answer, None if there is none. Its text quotes the error's own message, never rows."""
    if rules is not None:
        return next((_error(ErrorCode(rule.code), place, _at(rule, body)) for rule in rules if _fits(rule, body)), None)
    if not (_is_list_of_errors(body) if isinstance(body, list) else _is_error(body)):
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


# What an error looks like -------------------------------------------------------------------------------------------


def _is_error(body: Any, depth: int = 0) -> bool:
    if not isinstance(body, dict) or not 0 < len(body) <= _WIDEST:
        return False
    errors = body.get("errors")
    if errors and isinstance(errors, list) and body.keys() <= _GRAPHQL:
        return True
    said = {plain(key): value for key, value in body.items() if isinstance(key, str)}
    if _has_rows(body):
        return False
    if _says_that_it_failed(said):
        return True
    if all(_is_wrapping(name, value) for name, value in said.items()):
        return _names_an_error(said, depth)
    return depth == 0 and any(
        _is_error(value, 1) or (name in _HEADS and isinstance(value, dict) and _has_trouble(value))
        for name, value in said.items()
        if name in _WRAPPERS
    )


def _is_list_of_errors(body: list[Any]) -> bool:
    """Salesforce: [{"errorCode": "INVALID_SESSION_ID", "message": "…"}]"""
    return 0 < len(body) <= _MOST_ERRORS and all(
        isinstance(one, dict)
        and 2 <= len(one) <= 4
        and "errorcode" in (said := {plain(key): value for key, value in one.items()})
        and any(name in said for name in ("message", "errormessage", "msg"))
        and all(_is_wrapping(name, value) for name, value in said.items())
        for one in body
    )


def _says_that_it_failed(said: dict[str, Any]) -> bool:
    """An error by a flag such as `success: false`. But an object with an id whose status is failed is a row."""
    if any(_IDS.fullmatch(name) and name not in _IDS_OF_ERRORS for name in said):
        return False
    tells = any(name in _TOLD or name == "code" or _NAMES_OF_ERRORS.fullmatch(name) for name in said)
    for name, value in said.items():
        if name in _FLAGS and (value is False or _text(value) in ("false", "no") or (tells and _text(value) == "0")):
            return True
        if name in _STATES and _text(value) in _FAILED:
            has_name = "name" in said or "title" in said
            is_wrapping = all(_is_wrapping(one, inner) for one, inner in said.items())
            return tells or (is_wrapping and not has_name) or said.keys() <= {name, "data"}
    return False


def _names_an_error(said: dict[str, Any], depth: int) -> bool:
    """An error in an answer that has no data besides."""
    if _has_trouble(said):
        return not any(_text(said.get(name)) in ("0", "ok") for name in ("errcode", "errorcode", "errno"))
    if any(name in ("type", "code", "name") and _ENDS_AS_ERROR.fullmatch(_text(value)) for name, value in said.items()):
        return True
    if any(re.fullmatch(r"[45]\d\d", _text(said.get(name))) for name in ("status", "statuscode")):
        return True
    if depth == 0 and any(_is_error(one, 1) for name, one in said.items() if name in _WRAPPERS):
        return True
    if not any(name in _TOLD and isinstance(told, str) and _is_trouble(told) for name, told in said.items()):
        return False
    if "status" in said and said["status"] in (0, False):
        return True
    if "code" in said and _is_trouble(said["code"]) and not re.fullmatch(r"2\d\d", _text(said["code"])):
        return True
    return depth == 0 and {name for name, value in said.items() if value is not None} <= _TOLD | _BESIDE


def _has_trouble(head: dict[str, Any]) -> bool:
    return any(_NAMES_OF_ERRORS.fullmatch(plain(key)) and _is_trouble(value) for key, value in head.items())


def _is_trouble(value: Any) -> bool:
    if isinstance(value, str):
        return _text(value) not in _FINE | {""}
    return bool(value)


def _is_wrapping(name: str, value: Any) -> bool:
    if value is None or value == [] or value == {} or _NAMES_OF_ERRORS.fullmatch(name):
        return True
    if isinstance(value, dict) and name in _WRAPPERS and name not in ("meta", "metadata"):
        return len(value) <= _WIDEST and all(_is_wrapping(plain(key), inner) for key, inner in value.items())
    return name in _WRAPPING


def _has_rows(value: dict[str, Any], depth: int = 0) -> bool:
    """Whether there is a list that is not empty, other than a list of reasons."""
    for key, inner in value.items():
        name = plain(key)
        if name in _REASONS or _NAMES_OF_ERRORS.fullmatch(name):
            continue
        if isinstance(inner, list) and inner and isinstance(inner[0], dict | list):
            return True
        if isinstance(inner, dict) and depth < 2 and len(inner) <= _WIDEST and _has_rows(inner, depth + 1):
            return True
    return False


def _text(value: Any) -> str:
    return str(value).strip().lower() if isinstance(value, str | int | float) else ""


# What it says -------------------------------------------------------------------------------------------------------


def _said(body: Any, depth: int = 0) -> str:
    """The error message of an answer."""
    if isinstance(body, str):
        return _short(body)
    if isinstance(body, list):
        return _said(body[0], depth + 1) if body and depth < 3 else ""
    if not isinstance(body, dict) or depth >= 3:
        return ""
    named = {plain(key): value for key, value in body.items() if isinstance(key, str)}
    told = [
        _short(named[name]) for name in _WORDS if isinstance(named.get(name), str | int) and named[name] is not True
    ]
    inner = [_said(named[name], depth + 1) for name in _INNER if isinstance(named.get(name), dict | list)]
    return shortened(", ".join(dict.fromkeys(word for word in (*told, *inner) if word)), 3 * _LONGEST)


def _short(value: Any) -> str:
    return shortened(re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", str(value)), _LONGEST)


def _error(code: ErrorCode, place: str, said: str) -> RunError:
    text = f"{place} answered 200 with an error ({said or 'it says no more'}). Correct what it names; where this is no "
    text += "error, say in `errors` what one looks like, or errors: []."
    kind = Retryable if code in _RETRIED else Permanent
    return kind(code, text, {"url": place, "field": "errors"})
