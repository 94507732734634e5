"""What comes to /webhooks and is refused: verified before it is read, told in the documented shape."""

import gzip
from collections.abc import Callable

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.requests import DEEPEST_BODY, LARGEST_BODY
from vai_common.ids import uuid7
from vai_testkit.signing import github, shopify, standard
from vai_testkit.team import Team, make_team
from vai_testkit.webhooks import ORDER, SECRET, Hook, automation, counted, refusal


@pytest.mark.parametrize(
    "path", ["hooks/other", "hooks", "", "/", "hooks//orders", "ÿ", "a%00b", "x" * 5_000, "%2e%2e"]
)
async def test_an_unknown_path_is_answered_as_a_bad_signature(hook: Hook, team: Team, path: str) -> None:
    answer = await hook.web.post(f"/webhooks/{team.org_id}/{path}", content=ORDER, headers=standard(SECRET, ORDER))
    assert refusal(answer) == ((422, "value_error") if "%00" in path else (401, "signature_mismatch"))


async def test_another_organisation_has_no_such_path(hook: Hook, gateway: Gateway) -> None:
    stranger = await make_team(gateway.engine, "stranger")
    for org_id in (stranger.org_id, uuid7()):
        answer = await hook.web.post(f"/webhooks/{org_id}/hooks/orders", content=ORDER, headers=standard(SECRET, ORDER))
        assert refusal(answer) == (401, "signature_mismatch")


async def test_the_same_path_in_another_organisation_is_another_webhook(hook: Hook, gateway: Gateway) -> None:
    stranger = await make_team(gateway.engine, "stranger")
    made = await hook.web.post("/api/v1/automations", json=automation(), headers=stranger.headers())
    assert made.status_code == 201
    answer = await hook.web.post(
        f"/webhooks/{stranger.org_id}/hooks/orders", content=ORDER, headers=standard(SECRET, ORDER)
    )
    assert answer.json()["status"] == "accepted"
    assert await hook.runs() == []


@pytest.mark.parametrize(
    ("signed", "word"),
    [
        (dict, "unsigned"),
        (lambda: {"X-API-Key": "vai_key", "webhook-id": "msg_1"}, "unsigned"),
        (lambda: standard(SECRET, ORDER) | {"webhook-timestamp": "1"}, "stale"),
        (lambda: standard(SECRET, b"{}"), "signature_mismatch"),
        (lambda: standard("whsec_b3RoZXI=", ORDER), "signature_mismatch"),
        (lambda: shopify("other", ORDER), "signature_mismatch"),
        (lambda: github("other", ORDER), "signature_mismatch"),
    ],
)
async def test_what_is_not_proven_is_refused_and_counted(
    hook: Hook, signed: Callable[[], dict[str, str]], word: str
) -> None:
    before = counted("vai_webhooks_refused", reason=word)
    answer = await hook.send(headers=signed())
    assert refusal(answer) == (401, word)
    assert SECRET not in answer.text
    assert counted("vai_webhooks_refused", reason=word) == before + 1
    assert await hook.runs() == []


async def test_nothing_is_read_before_it_is_verified(hook: Hook) -> None:
    assert refusal(await hook.send(b"{", standard("whsec_b3RoZXI=", b"{"))) == (401, "signature_mismatch")
    assert refusal(await hook.send(b"x" * 2 * LARGEST_BODY, {})) == (401, "unsigned")


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"nonsense", b"<xml/>", b"a=1&b=2", b" ", b"\xef\xbb\xbf{}", b'{"a": NaN}', b'{"a": 1e999}'),
        *(b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'{"a": "\\ud800"}', b"{}{}"),
        *(b"[" * (DEEPEST_BODY + 1) + b"]" * (DEEPEST_BODY + 1), b"[" * 100_000),
    ],
)
async def test_a_body_that_is_no_json_is_refused(hook: Hook, body: bytes) -> None:
    status, word = refusal(await hook.send(body))
    assert status == 422
    assert word in ("json_invalid", "json_too_deep", "number_too_large")
    assert await hook.runs() == []


async def test_a_whole_number_that_nobody_can_keep_is_refused_with_its_place(hook: Hook) -> None:
    for number in (2**64, -(2**63) - 1, 10**22, 10**400):
        for around in ('{"id": %d}', '{"a": [1, {"b": %d}]}', "[%d]", "%d"):
            answer = await hook.send((around % number).encode())
            assert refusal(answer) == (422, "number_too_large")
            assert str(number)[:39] in answer.json()["detail"][0]["msg"]
    assert await hook.runs() == []


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 2**53 + 1])
async def test_a_whole_number_of_64_bits_keeps_its_digits(hook: Hook, number: int) -> None:
    assert (await hook.send(b'{"id": %d}' % number)).status_code == 202
    (run,) = await hook.runs()
    assert run["inputs"] == {"id": number}
    assert run["event"]["data"] == {"id": number}


async def test_bytes_that_are_no_text_can_be_signed_by_the_vendors_alone(hook: Hook) -> None:
    body = b'{"a": "\xff"}'
    assert refusal(await hook.send(body, github(SECRET, body))) == (422, "json_invalid")
    assert refusal(await hook.send(body, standard(SECRET, b"{}"))) == (401, "signature_mismatch")


async def test_a_body_may_be_so_large_and_no_larger(hook: Hook) -> None:
    largest = b'"' + b"x" * (LARGEST_BODY - 2) + b'"'
    assert (await hook.send(largest)).status_code == 202
    assert refusal(await hook.send(largest + b" ")) == (413, "too_large")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "Multipart/Form-Data; boundary=x"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
)
async def test_forms_and_compressed_bodies_are_refused(hook: Hook, headers: dict[str, str]) -> None:
    body = gzip.compress(ORDER)
    answer = await hook.send(body, github(SECRET, body) | headers)
    assert refusal(answer) == (415, "unsupported_media_type")
    assert "GitHub" in answer.json()["detail"][0]["msg"]


async def test_other_methods_are_not_allowed(hook: Hook) -> None:
    answer = await hook.web.get(hook.url)
    assert refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("secret", ["whsec_", "whsec_  ", "short"])
async def test_a_secret_that_everybody_knows_cannot_be_saved(api: httpx2.AsyncClient, secret: str) -> None:
    answer = await api.post("/api/v1/automations", json=automation(secret=secret))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "trigger", "secret"]


@pytest.mark.parametrize("largest", [100, 2 * LARGEST_BODY])
async def test_the_largest_body_is_what_the_installation_says(hook: Hook, gateway: Gateway, largest: int) -> None:
    vars(gateway.settings)["webhook_bytes"] = largest
    body = b'"' + b"x" * (largest - 2) + b'"'
    assert (await hook.send(body)).status_code == 202
    assert refusal(await hook.send(body + b" ")) == (413, "too_large")
