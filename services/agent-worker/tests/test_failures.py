"""http_request against real servers: what each failure means, and what is tried again."""

import asyncio
import gzip
import ssl
from typing import Any

import pytest

from vai_agent_worker.http_request import HttpRequest
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_testkit.servers.web import Reply, WebServer

from .calling import LOOPBACK, failure, held, perform


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, Permanent, ErrorCode.DATA_ERROR),
        (400, Permanent, ErrorCode.DATA_ERROR),
        (401, Permanent, ErrorCode.AUTH_ERROR),
        (403, Permanent, ErrorCode.AUTH_ERROR),
        (404, Permanent, ErrorCode.CONNECTION_ERROR),
        (409, Permanent, ErrorCode.DATA_ERROR),
        (422, Permanent, ErrorCode.DATA_ERROR),
        (429, Retryable, ErrorCode.RATE_LIMITED),
        (500, Retryable, ErrorCode.CONNECTION_ERROR),
        (503, Retryable, ErrorCode.CONNECTION_ERROR),
    ],
)
async def test_a_status_means_an_error(status: int, error: type[RunError], code: ErrorCode, vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(status, b'{"message": "no"}')
    failed = await failure({"url": f"{vendor.url}/"})
    assert (type(failed), failed.code) == (error, code)
    assert failed.details == {"statusCode": status, "url": f"{vendor.url}/", "body": '{"message": "no"}'}
    assert f"GET {vendor.url}/ answered {status}" in failed.message


@pytest.mark.parametrize("status", [302, 401, 404, 500])
async def test_a_status_that_was_expected_is_a_success(status: int, vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(status, b"fine", {"Location": "/elsewhere"})
    assert (await perform({"url": vendor.url, "expected_status": [200, status]}))["status_code"] == status


async def test_a_success_that_was_not_expected_is_an_error(vendor: WebServer) -> None:
    failed = await failure({"url": vendor.url, "expected_status": 201})
    assert (type(failed), failed.code) == (Permanent, ErrorCode.DATA_ERROR)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_server_says_when_to_try_again(
    headers: dict[str, str], seconds: float | None, status: int, vendor: WebServer
) -> None:
    vendor.replies["/"] = Reply(status, headers=headers)
    failed = await failure({"url": vendor.url})
    assert isinstance(failed, Retryable)
    assert failed.retry_after == seconds


async def test_a_403_with_the_headers_of_a_quota_is_no_refusal(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "40"})
    failed = await failure({"url": vendor.url})
    assert isinstance(failed, Retryable)
    assert (failed.code, failed.retry_after) == (ErrorCode.RATE_LIMITED, 40)


async def test_a_definition_that_is_wrong_names_its_field() -> None:
    failed = await failure({"url": "ftp://example.com/"})
    assert (type(failed), failed.code, failed.details) == (Permanent, ErrorCode.DATA_ERROR, {"field": "url"})


@pytest.mark.parametrize("url", ["http://0177.0.0.1/", "http://example.com:port/", "http://example.com:99999/"])
async def test_a_url_that_is_none_is_a_final_data_error(url: str) -> None:
    failed = await failure({"url": url})
    assert (type(failed), failed.code) == (Permanent, ErrorCode.DATA_ERROR)


async def test_an_unknown_host_is_a_final_connection_error() -> None:
    failed = await failure({"url": "http://no-such-host.invalid/"})
    assert (type(failed).__name__, failed.code) == ("UnknownHost", ErrorCode.CONNECTION_ERROR)


async def test_a_server_that_is_not_there_is_tried_again_even_for_a_post() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    failed = await failure({"method": "POST", "url": f"http://127.0.0.1:{port}/"})
    assert (type(failed), failed.code) == (Retryable, ErrorCode.CONNECTION_ERROR)


@pytest.mark.parametrize(
    ("definition", "error"),
    [
        ({"method": "GET"}, Retryable),
        ({"method": "DELETE"}, Retryable),
        ({"method": "POST", "idempotent": True}, Retryable),
        ({"method": "POST"}, Permanent),
        ({"method": "PATCH"}, Permanent),
    ],
)
async def test_a_connection_that_breaks_off_is_tried_again_only_where_that_is_safe(
    definition: dict[str, Any], error: type[RunError], vendor: WebServer
) -> None:
    vendor.replies["/"] = Reply(hang_up=True)
    failed = await failure({"url": vendor.url, **definition})
    assert (type(failed), failed.code) == (error, ErrorCode.CONNECTION_ERROR)
    assert ('"idempotent": true' in failed.message) is (error is Permanent)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize(
    ("definition", "error"),
    [
        ({"method": "GET"}, Retryable),
        ({"method": "POST", "idempotent": True}, Retryable),
        ({"method": "POST"}, Permanent),
    ],
)
async def test_a_servers_failure_is_final_where_the_request_may_have_been_carried_out(
    status: int, definition: dict[str, Any], error: type[RunError], vendor: WebServer
) -> None:
    vendor.replies["/"] = Reply(status, headers={"Retry-After": "1"})
    failed = await failure({"url": vendor.url, **definition})
    assert (type(failed), failed.code) == (error, ErrorCode.CONNECTION_ERROR)
    assert ('"idempotent": true' in failed.message) is (error is Permanent)


async def _closed_port() -> int:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("method", "error"), [("GET", Retryable), ("POST", Permanent)])
async def test_a_target_of_a_redirect_that_is_down_is_named_and_no_post_is_sent_again(
    status: int, method: str, error: type[RunError], vendor: WebServer
) -> None:
    target = f"http://127.0.0.1:{await _closed_port()}/there"
    vendor.replies["/a"] = Reply(status, headers={"Location": target})
    failed = await failure({"url": f"{vendor.url}/a", "method": method})
    assert (type(failed), failed.code) == (error, ErrorCode.CONNECTION_ERROR)
    assert (failed.details["url"], failed.details["redirected_from"]) == (target, f"{vendor.url}/a")
    assert f"{target} (redirected from {vendor.url}/a) failed" in failed.message


@pytest.mark.parametrize("path", ["/a", "/429", "/500"])
async def test_no_message_of_an_attempt_says_that_it_is_tried_again(path: str, vendor: WebServer) -> None:
    vendor.replies |= {"/429": Reply(429), "/500": Reply(500), "/a": Reply(hang_up=True)}
    failed = await failure({"url": f"{vendor.url}{path}"})
    assert isinstance(failed, Retryable)
    assert "again" not in failed.message


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        Reply(raw=b"HTTP/1.1 abc\r\n\r\n"),
        Reply(200, b"no gzip", {"Content-Encoding": "gzip"}),
        Reply(200, gzip.compress(b"plain")[:-4], {"Content-Encoding": "gzip"}),
        Reply(200, b"???", {"Content-Encoding": "br"}),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_data_error(reply: Reply, vendor: WebServer) -> None:
    vendor.replies["/"] = reply
    failed = await failure({"url": vendor.url})
    assert (type(failed), failed.code) == (Permanent, ErrorCode.DATA_ERROR)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_server_that_never_answers_ends_at_the_runs_own_limit(method: str, vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(wait=(release := asyncio.Event()))
    failed = await failure({"method": method, "url": vendor.url, "timeout_seconds": 0.2})
    release.set()
    assert (type(failed), failed.code) == (Permanent, ErrorCode.TIMEOUT)
    assert failed.details["timeout_seconds"] == 0.2
    assert ("It is not known whether" in failed.message) is (method == "POST")


@pytest.mark.parametrize(("method", "error"), [("GET", Retryable), ("POST", Permanent)])
async def test_a_server_that_falls_silent_is_a_connection_error(
    method: str, error: type[RunError], vendor: WebServer
) -> None:
    vendor.replies["/"] = Reply(wait=(release := asyncio.Event()))
    with pytest.raises(error) as failed:
        await HttpRequest(LOOPBACK, read_timeout=0.1).perform(held({"method": method, "url": vendor.url}))
    release.set()
    assert failed.value.code is ErrorCode.CONNECTION_ERROR
    assert "ReadTimeout" in failed.value.message


async def test_a_server_without_a_trusted_certificate_is_a_final_error(certificate: ssl.SSLContext) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=certificate)
    port = server.sockets[0].getsockname()[1]
    failed = await failure({"url": f"https://127.0.0.1:{port}/"})
    server.close()
    await server.wait_closed()
    assert (type(failed), failed.code) == (Permanent, ErrorCode.CONNECTION_ERROR)
    assert "certificate is not trusted" in failed.message
