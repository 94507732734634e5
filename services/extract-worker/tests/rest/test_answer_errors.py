"""Errors that come as 200 are errors, however a vendor writes them; what looks only a little like one is data."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode
from vai_extract_worker.rest.answer_errors import error_in
from vai_records.definitions.sources.rest_requests import ErrorRule
from vai_records.secrets.hiding import Hidden

LIMITED, SIGN_IN, BAD = ErrorCode.RATE_LIMITED, ErrorCode.AUTH_ERROR, ErrorCode.DATA_ERROR

ERRORS: list[tuple[Any, ErrorCode]] = [
    ({"ok": False, "error": "ratelimited"}, LIMITED),
    ({"ok": False, "error": "invalid_auth"}, SIGN_IN),
    ({"ok": False, "error": "channel_not_found"}, BAD),
    ({"success": False, "message": "no such list", "data": None}, BAD),
    ({"success": False, "data": []}, BAD),
    ({"error": {"code": 17, "message": "User request limit: too many calls"}}, LIMITED),
    ({"status": "error", "message": "bad query"}, BAD),
    ({"errors": [{"message": "Field x does not exist"}]}, BAD),
    ({"errors": [{"message": "Throttled"}], "data": {"orders": {"nodes": [{"id": 1}]}}}, LIMITED),
    ({"fault": {"type": "x"}}, BAD),
    ({"success": False, "processId": "x", "reasons": [{"code": 1, "message": "m"}]}, BAD),
    ({"status": "error", "code": -1, "name": "Invalid_Key", "message": "m"}, SIGN_IN),
    ({"code": 40001, "msg": "invalid credential", "data": None}, SIGN_IN),
    ({"code": "40001", "message": "denied", "data": {}}, BAD),
    ({"errors": {"base": ["bad"]}, "orders": []}, BAD),
    ({"success": "false", "message": "m", "rows": []}, BAD),
    ({"Success": 0, "Message": "m"}, BAD),
    ({"isSuccess": False, "Errors": ["x"], "Data": []}, BAD),
    ({"succeeded": False, "why": "no", "invalid": ["a", "b"]}, BAD),
    ({"message": "API rate limit exceeded"}, LIMITED),
    ({"message": "Bad credentials", "documentation_url": "https://x"}, BAD),
    ({"detail": "Not found."}, BAD),
    ({"status": 0, "message": "No access", "results": []}, BAD),
    ({"status": 403, "message": "Forbidden"}, BAD),
    ({"timestamp": "t", "status": 500, "path": "/x"}, BAD),
    ({"Fault": {"Error": [{"Message": "x"}], "type": "ValidationFault"}, "time": "2026"}, BAD),
    ({"response": {"status": "error", "error_id": "NOAUTH", "error": "x"}}, SIGN_IN),
    ({"meta": {"code": 400, "error_type": "OAuthException", "error_message": "x"}}, BAD),
    ({"status": {"error_code": 1001, "error_message": "x", "elapsed": 3}}, BAD),
    ({"head": {"errorCode": "9"}, "body": None}, BAD),
    ([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}], SIGN_IN),
    ({"errorCode": "E", "errorMessage": "x"}, BAD),
    ({"errcode": 40001, "errmsg": "x"}, BAD),
    ({"result": "error", "reason": "x"}, BAD),
    ({"stat": "fail", "code": 100, "message": "Invalid API Key"}, SIGN_IN),
    ({"status": "fail", "data": {"email": "is required"}}, BAD),
    ({"error_code": "X", "status_code": 200, "error_message": "budget exhausted", "error_data": {}}, BAD),
    ({"__type": "ThrottlingException", "message": "Rate exceeded"}, LIMITED),
    ({"code": "rest_forbidden", "message": "Sorry", "data": {"status": 401}}, BAD),
    ({"exception": "java.lang.X"}, BAD),
]

DATA: list[Any] = [
    {"ok": True, "members": [{"id": 1}]},
    {"ok": True, "error": None, "items": []},
    {"errors": [], "items": [{"id": 1}]},
    {"errors": ["one of them"], "items": [{"id": 1}]},
    {"success": False, "items": [{"id": 1}]},
    {"id": 5, "name": "a job", "status": "failed"},
    {"id": 5, "error": "what the job said"},
    {"job_id": 5, "status": "failed", "error": "what the job said"},
    {"id": 5, "success": False, "message": "a payment"},
    {"message": "hello", "id": 1},
    {"message": "hello", "author": "me"},
    {"name": "x", "status": "failed", "duration": 3},
    {"code": "DE", "name": "Germany"},
    {"code": "DE", "description": "Germany"},
    {"type": "circle", "title": "x", "description": "y"},
    {"default": True, "name": "x"},
    {"status": "ok"},
    {"status": "ok", "data": [{"error": "x"}]},
    {"status": "success", "message": "No records found", "data": []},
    {"message": "No records found", "data": []},
    {"message": "OK"},
    {"code": 0, "msg": "success", "data": []},
    {"code": 200, "message": "fetched", "data": []},
    {"errcode": 0, "errmsg": "ok", "list": []},
    {"error": ""},
    {"error": False, "errorMessage": None, "data": []},
    {"success": 3, "failed": 0},
    {"success": 0, "failed": 3},
    {"status": {"error_code": 0, "error_message": None, "credit_count": 1}, "data": []},
    {"response": {"error": None, "results": [{"id": 1}]}},
    {"data": {"message": "hello"}},
    {"count": 3, "total": 5},
    {},
    [],
    [{"error": "x"}],
    [{"message": "x", "time": "2026"}],
    [{"errorCode": "E", "message": "x", "machine": 7}],
    "text",
    7,
]


@pytest.mark.parametrize(("body", "code"), ERRORS)
def test_what_usually_is_an_error_is_one_though_it_comes_as_200(body: Any, code: ErrorCode) -> None:
    error = error_in(body, None, "http://source/rows")
    assert error is not None
    assert error.code == code
    assert "errors: []" in error.message
    assert error_in(body, [], "http://source/rows") is None


@pytest.mark.parametrize("body", DATA)
def test_what_only_looks_a_little_like_an_error_is_data(body: Any) -> None:
    assert error_in(body, None, "http://source/rows") is None


@pytest.mark.parametrize(
    ("rule", "body", "code"),
    [
        ({"path": "result.state"}, {"result": {"state": "x"}}, ErrorCode.DATA_ERROR),
        ({"path": "result.state"}, {"result": {"state": ""}}, None),
        ({"path": "ok", "when": [False]}, {"ok": 0}, None),
        ({"path": "code", "when": [40100, "40100"], "code": "RATE_LIMITED"}, {"code": 40100}, ErrorCode.RATE_LIMITED),
        ({"path": "code", "when": [40100]}, {"code": 0}, None),
    ],
)
def test_a_definition_says_what_an_error_looks_like(rule: Any, body: Any, code: ErrorCode | None) -> None:
    error = error_in(body, [ErrorRule.model_validate(rule)], "http://source/rows")
    assert (error.code if error else None) == code


@pytest.mark.parametrize("before", range(80, 101))
@pytest.mark.parametrize("rules", [None, [ErrorRule(path="error")]])
def test_a_long_message_is_not_cut_within_a_secret(before: int, rules: Any) -> None:
    body = {"error": "x" * before + "Very-Secret-0123456789"}
    error = error_in(body, rules, "http://source/rows")
    assert error is not None
    assert "Very" not in Hidden(["Very-Secret-0123456789"]).error(error).message
