"""http_request against real servers: where it goes, and whom it tells its credentials."""

import base64
import json
from typing import Any

import pytest

from vai_agent_worker.http_request import HttpRequest
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_testkit.owned import HeldRun
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_worker.children.job import ConnectionSecret

from .calling import LOOPBACK, failure, held, perform


def shop(url: str, **credentials: Any) -> ConnectionSecret:
    return ConnectionSecret("c1", "shop", "rest_api", {"base_url": url}, credentials)


async def test_a_redirect_is_followed_as_its_status_says(vendor: WebServer) -> None:
    for status, method in ((301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")):
        vendor.seen.clear()
        vendor.replies["/from"] = Reply(status, headers={"Location": "/to?x=1"})
        result = await perform({"method": "POST", "url": f"{vendor.url}/from", "body": {"a": 1}})
        assert result["url"] == f"{vendor.url}/to?x=1"
        assert vendor.seen[1].method == method
        assert vendor.seen[1].body == (b"" if method == "GET" else b'{"a":1}')
        assert ("content-type" in vendor.seen[1].headers) is (method == "POST")
        assert vendor.seen[1].headers["idempotency-key"] == vendor.seen[0].headers["idempotency-key"]


async def test_a_redirect_that_is_not_followed_is_the_result(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(302, headers={"Location": "/to"})
    result = await perform({"url": vendor.url, "follow_redirects": False})
    assert (result["status_code"], result["headers"]["location"], len(vendor.seen)) == (302, "/to", 1)


async def test_redirects_in_a_circle_end(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(302, headers={"Location": "/"})
    failed = await failure({"url": vendor.url, "max_redirects": 3})
    assert (type(failed), failed.code, len(vendor.seen)) == (Permanent, ErrorCode.CONNECTION_ERROR, 4)


@pytest.mark.parametrize(
    "location", ["ftp://example.com/", "file:///etc/passwd", "https://0177.0.0.1/", "javascript:alert(1)"]
)
async def test_a_redirect_to_no_http_address_is_an_error(location: str, vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(302, headers={"Location": location})
    failed = await failure({"url": vendor.url})
    assert (type(failed), failed.code) == (Permanent, ErrorCode.CONNECTION_ERROR)
    assert location in failed.message


async def test_who_misleads_is_named_with_the_port_and_without_the_query(vendor: WebServer) -> None:
    vendor.replies["/a"] = Reply(302, headers={"Location": "ftp://example.com/"})
    failed = await failure({"url": f"{vendor.url}/a?token=hunter2-hunter2#there"})
    assert failed.details["url"] == f"{vendor.url}/a"
    assert failed.message.startswith(f"{vendor.url}/a redirects to ftp://example.com/, which is not an HTTP address")


async def test_a_redirect_to_a_metadata_service_is_refused(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(302, headers={"Location": "http://169.254.169.254/latest/"})
    failed = await failure({"url": vendor.url})
    assert (type(failed).__name__, failed.code) == ("EgressRefused", ErrorCode.CONNECTION_ERROR)


async def test_a_private_address_is_refused_unless_the_installation_allows_it(vendor: WebServer) -> None:
    with pytest.raises(Permanent, match="not public") as refused:
        await HttpRequest().perform(HeldRun("http_request", {"url": vendor.url}))
    assert refused.value.code is ErrorCode.CONNECTION_ERROR
    assert vendor.seen == []


async def test_secret_headers_stay_with_the_host_that_they_were_given_for(vendor: WebServer, other: WebServer) -> None:
    vendor.replies["/away"] = Reply(307, headers={"Location": f"{other.url}/there"})
    vendor.replies["/near"] = Reply(307, headers={"Location": "/here"})
    headers = {"Authorization": "Bearer abcdef", "X-Api-Key": "123456", "Cookie": "a=b", "X-Plain": "p"}
    await perform({"url": f"{vendor.url}/away", "headers": headers})
    assert not {"authorization", "x-api-key", "cookie"} & other.seen[0].headers.keys()
    assert other.seen[0].headers["x-plain"] == "p"
    await perform({"url": f"{vendor.url}/near", "headers": headers})
    assert vendor.seen[-1].headers["authorization"] == "Bearer abcdef"


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        ({"token": "abcdef"}, "authorization", "Bearer abcdef"),
        ({"type": "bearer", "access_token": "abcdef"}, "authorization", "Bearer abcdef"),
        ({"username": "ann", "password": "pw"}, "authorization", "Basic " + base64.b64encode(b"ann:pw").decode()),
        ({"api_key": "123456"}, "x-api-key", "123456"),
        ({"api_key": "123456", "name": "X-Shop", "location": "header"}, "x-shop", "123456"),
        ({"headers": {"X-Custom": "abc"}}, "x-custom", "abc"),
    ],
)
async def test_a_connection_adds_its_credentials(
    credentials: dict[str, Any], header: str, value: str, vendor: WebServer
) -> None:
    await perform({"url": "/orders"}, shop(f"{vendor.url}/v2/", **credentials))
    assert vendor.seen[0].target == "/v2/orders"
    assert vendor.seen[0].headers[header] == value


async def test_a_connection_may_authenticate_by_a_query_parameter(vendor: WebServer) -> None:
    secret = shop(vendor.url, api_key="s3cr3t/key", name="key", location="query")
    result = await perform({"url": "/orders", "query": {"page": 2}}, secret)
    assert vendor.seen[0].query == {"page": ["2"], "key": ["s3cr3t/key"]}
    assert "s3cr3t" not in json.dumps(result)


@pytest.mark.parametrize(
    ("auth", "credentials", "query", "header"),
    [
        ({"type": "api_key", "name": "k", "location": "query"}, {"api_key": "123456"}, {"k": ["123456"]}, None),
        ({"name": "X-Shop"}, {"api_key": "123456"}, {}, ("x-shop", "123456")),
        ({"type": "bearer"}, {"api_key": "123456", "token": "abcdef"}, {}, ("authorization", "Bearer abcdef")),
        ({"type": "none"}, {"token": "abcdef"}, {}, None),
    ],
)
async def test_the_config_of_a_connection_says_how_it_authenticates(
    auth: dict[str, str],
    credentials: dict[str, str],
    query: dict[str, list[str]],
    header: tuple[str, str] | None,
    vendor: WebServer,
) -> None:
    config = {"base_url": vendor.url, "auth": auth, "headers": {"X-Api-Version": "2"}}
    await perform({"url": "/orders"}, ConnectionSecret("c1", "shop", "rest_api", config, credentials))
    sent = vendor.seen[0]
    assert (sent.query, sent.headers["x-api-version"]) == (query, "2")
    assert header in sent.headers.items() if header else "authorization" not in sent.headers


async def test_a_header_of_the_definition_comes_before_that_of_the_connection(vendor: WebServer) -> None:
    headers = {"AUTHORIZATION": "Bearer own-token"}
    await perform({"url": "/", "headers": headers}, shop(vendor.url, token="connection-token"))
    assert vendor.seen[0].headers["authorization"] == "Bearer own-token"


async def test_a_connections_credentials_go_to_no_other_host(vendor: WebServer, other: WebServer) -> None:
    run = held({"url": f"{other.url}/orders"}, shop(vendor.url, token="abcdef"))
    await HttpRequest(LOOPBACK).perform(run)
    assert "authorization" not in other.seen[0].headers
    assert [(event, level) for event, _, level in run.logs] == [("credentials_withheld", "warning")]


async def test_a_connections_credentials_do_not_follow_a_redirect(vendor: WebServer) -> None:
    vendor.replies["/from"] = Reply(302, headers={"Location": "/to"})
    vendor.replies["/to"] = Reply(401)
    failed = await failure({"url": "/from"}, shop(vendor.url, token="abcdef"))
    assert "authorization" in vendor.seen[0].headers
    assert "authorization" not in vendor.seen[1].headers
    assert "credentials were not sent, because the request was redirected" in failed.message


async def test_a_connection_without_an_address_sends_its_credentials_nowhere(vendor: WebServer) -> None:
    secret = ConnectionSecret("c1", "shop", "rest_api", {}, {"token": "abcdef"})
    await perform({"url": f"{vendor.url}/orders"}, secret)
    assert "authorization" not in vendor.seen[0].headers
    failed = await failure({"url": "/orders"}, secret)
    assert (failed.code, "no base_url" in failed.message) == (ErrorCode.DATA_ERROR, True)


async def test_credentials_that_http_cannot_use_are_an_error(vendor: WebServer) -> None:
    failed = await failure({"url": "/orders"}, shop(vendor.url, dsn="postgres://"))
    assert (type(failed), failed.code, vendor.seen) == (Permanent, ErrorCode.AUTH_ERROR, [])


async def test_a_server_that_echoes_secrets_does_not_bring_them_into_the_result(vendor: WebServer) -> None:
    def echo(seen: Seen) -> Reply:
        body = json.dumps({"headers": seen.headers, "target": seen.target}).encode()
        return Reply(200, body, {"Content-Type": "application/json", "X-Echo": seen.headers["authorization"]})

    vendor.replies["/"] = echo
    secret = shop(vendor.url, username="annabel", password="pässword")
    definition = {"url": "/", "headers": {"X-Api-Key": "super-secret"}, "query": {"token": "query secret"}}
    result = json.dumps(await perform(definition, secret), ensure_ascii=False)
    basic = vendor.seen[0].headers["authorization"].removeprefix("Basic ")
    for hidden in (basic, "super-secret", "query secret", "query%20secret"):
        assert hidden not in result
    assert result.count("[secret]") >= 3


async def test_a_token_is_hidden_without_the_word_before_it_and_a_username_is_not(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, b"annabel sent abcdef and password1")
    headers = {"Authorization": "Bearer abcdef"}
    result = await perform({"url": "/", "headers": headers}, shop(vendor.url, username="annabel", password="password1"))
    assert result["body"] == "annabel sent [secret] and [secret]"


async def test_an_error_does_not_show_secrets_either(vendor: WebServer) -> None:
    vendor.replies["/"] = lambda seen: Reply(400, seen.headers["authorization"].encode())
    failed = await failure({"url": f"{vendor.url}/?x=1", "headers": {"Authorization": "Bearer abcdef"}})
    assert failed.details["body"] == "[secret]"


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("before", [b"", b"\0", b'{"echo": "', "ä".encode()])
async def test_an_answer_that_is_cut_off_within_a_secret_shows_no_beginning_of_it(
    vendor: WebServer, before: bytes, status: int
) -> None:
    vendor.replies["/"] = lambda seen: Reply(status, before + seen.headers["authorization"].encode() + b"end")
    run = {"url": vendor.url, "headers": {"Authorization": "Bearer topsecret-1"}}
    for most in range(1, len(before) + 22):
        definition = {**run, "max_response_bytes": most}
        if status == 400:
            body = (await failure(definition)).details["body"]
        else:
            result = await perform(definition)
            body = str(base64.b64decode(result["body"]) if result["body_encoding"] == "base64" else result["body"])
        assert "tops" not in body


async def test_headers_that_are_credentials_are_left_out_of_the_result(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, headers={"Set-Cookie": "session=1", "X-Auth-Token": "abc", "ETag": "e"})
    headers = (await perform({"url": vendor.url}))["headers"]
    assert headers["etag"] == "e"
    assert not {"set-cookie", "x-auth-token", "connection"} & headers.keys()


async def test_a_secret_whose_value_is_gone_is_named(vendor: WebServer) -> None:
    failed = await failure({"url": vendor.url, "headers": {"Authorization": {"secret": True}}})
    assert (failed.code, failed.details) == (ErrorCode.DATA_ERROR, {"field": "headers.Authorization"})
    assert vendor.seen == []


# Write-only values of the definition --------------------------------------------------------------------------------

CANARY = "c4nary-0123456789"
MARKED = {"kind": "secret", "value": CANARY}


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"PRIVATE-TOKEN": CANARY}},
        {"headers": {"X-Team-Pass": CANARY}},
        {"headers": {"X-Hook": MARKED}},
        {"headers": {"X-Hook": f"Bearer {CANARY}"}},
        {"query": {"token": CANARY}},
        {"query": {"x": MARKED}},
        {"body": {"password": CANARY}},
        {"body": {"a": [{"b": MARKED}]}},
        {"body": MARKED},
        {"body_text": MARKED},
        {"form": {"client_secret": CANARY}},
        {"form": {"pin": MARKED}},
        {"url": "/p/{}"},
        {"url": "/p?a=1&room={}"},
    ],
)
@pytest.mark.parametrize("status", [200, 301, 303, 307, 308, 400])
async def test_a_write_only_value_is_sent_to_its_host_and_is_in_nothing_that_is_said(
    vendor: WebServer, other: WebServer, fields: dict[str, Any], status: int
) -> None:
    def echo(seen: Any) -> Reply:
        body = json.dumps([seen.target, seen.headers, seen.body.decode()]).encode()
        headers = {"Location": f"{other.url}/there", "Content-Type": "application/json", "X-Echo": seen.target}
        return Reply(status, body=body, headers=headers)

    vendor.replies["/p"] = vendor.replies[f"/p/{CANARY}"] = echo
    if "url" in fields:
        fields = {"url": {"kind": "secret", "value": vendor.url + fields["url"].format(CANARY)}}
    run = HeldRun("http_request", {"method": "PUT", "url": f"{vendor.url}/p", **fields})
    told: Any = None
    try:
        told = await HttpRequest(LOOPBACK).perform(run)
    except RunError as error:
        told = error.as_json()
    assert CANARY in str(vars(vendor.seen[0]))
    assert CANARY not in str([vars(seen) for seen in other.seen])
    assert CANARY not in str([told, run.logs])
    has_body = bool({"body", "body_text", "form"} & fields.keys())
    if status in (301, 307, 308) and has_body:
        assert (other.seen, told["code"]) == ([], "CONNECTION_ERROR")
        assert "secret values of the body" in told["message"]


async def test_the_address_of_a_redirect_is_shown_without_its_credentials(vendor: WebServer, other: WebServer) -> None:
    target = f"{other.url}/file?page=1&X-Amz-Signature={CANARY}"
    vendor.replies["/p"] = Reply(302, headers={"Location": target})
    result = await perform({"url": f"{vendor.url}/p"})
    assert other.seen[0].query["X-Amz-Signature"] == [CANARY]
    assert result["url"] == f"{other.url}/file?page=1&X-Amz-Signature=[secret]"
    shown = await perform({"url": f"{vendor.url}/p", "follow_redirects": False})
    assert CANARY not in str(shown)


async def test_an_access_token_that_ended_is_renewed_once(vendor: WebServer) -> None:
    def answer(seen: Seen) -> Reply:
        return Reply(200 if seen.headers["authorization"] == "Bearer second-token" else 401, body=b"{}")

    vendor.replies["/orders"] = answer
    auth = {"type": "oauth2_client_credentials", "access_token_url": "https://vendor.example/token"}
    config = {"base_url": vendor.url, "auth": auth}
    old, new, bad = (
        ConnectionSecret("c1", "shop", "rest_api", config, {"client_id": "c", "access_token": token}, 1e12)
        for token in ("first-token", "second-token", "third-token")
    )
    run = held({"method": "POST", "url": "/orders", "body": {"a": 1}}, old)
    run.renewed = new
    assert (await HttpRequest(LOOPBACK).perform(run))["status_code"] == 200
    assert (run.rejected, len(vendor.seen)) == (["first-token"], 2)
    run = held({"url": "/orders"}, old)
    run.renewed = bad
    with pytest.raises(Permanent) as refused:
        await HttpRequest(LOOPBACK).perform(run)
    assert refused.value.code is ErrorCode.AUTH_ERROR
    assert len(vendor.seen) == 4
    expected = held({"url": "/orders", "expected_status": [401]}, old)
    assert (await HttpRequest(LOOPBACK).perform(expected))["status_code"] == 401
    assert expected.rejected == []


async def test_a_named_secret_within_a_longer_text_is_hidden_alone(vendor: WebServer) -> None:
    """`body_text` is kept as a whole; the organisation's secret in it is hidden wherever it comes back."""
    vendor.replies["/"] = Reply(
        200, body=b'{"echo": "you sent t0ken-4711 to us"}', headers={"Content-Type": "application/json"}
    )
    sent = {"method": "POST", "url": vendor.url, "body_text": {"kind": "secret", "value": "key=t0ken-4711&day=1"}}
    run = held(sent)
    run.named_secrets = ("t0ken-4711",)
    result = await HttpRequest(LOOPBACK).perform(run)
    assert vendor.seen[0].body == b"key=t0ken-4711&day=1"
    assert result["body"] == {"echo": "you sent [secret] to us"}
