"""Messages reach their channel, once each; what does not arrive is tried again or given up, and says why."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from standardwebhooks import Webhook

from services.scheduler.tests.alerts.receivers import (
    MailServer,
    alerts_of,
    ends,
    gather,
    mail_server,
    rule,
    send,
    sender_of,
)
from services.scheduler.tests.stage import KEYS, Stage
from vai_common.clock import now
from vai_common.egress.addresses import PUBLIC
from vai_common.ids import uuid7
from vai_records.alerts import alerts
from vai_records.people.emails import email_of
from vai_records.secrets.keys import Keyring
from vai_scheduler.alerts.sender import Sender
from vai_testkit.servers.web import Reply, WebServer

MARKUP = "<!channel> <https://evil.example|click> [click](https://evil.example) *x* <b>x</b>\r\nBcc: a@b.example"
SIGNING = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"


async def _posting(stage: Stage, url: str, kind: str = "webhook", **said: Any) -> UUID:
    secrets = {"url": url, **said.pop("secrets", {})}
    return await rule(stage, {"type": kind, "host": "127.0.0.1"}, secrets, **said)


async def _failure(stage: Stage, message: str = "no room") -> UUID:
    run_id = await ends(stage, error={"message": message})
    await gather(stage)
    return run_id


async def test_a_webhook_is_signed_and_names_what_happened(own_stage: Stage) -> None:
    async with WebServer.opened() as web:
        secrets = {"signing_secret": SIGNING, "authorization": "Bearer abc"}
        rule_id = await _posting(own_stage, f"{web.url}/in", secrets=secrets)
        run_id = await _failure(own_stage)
        await send(own_stage)
        await send(own_stage)
        (seen,) = web.seen
    said = Webhook(SIGNING).verify(seen.body, seen.headers)
    (alert,) = await alerts_of(own_stage, rule_id)
    assert (said["id"], said["counts"], seen.headers["authorization"]) == (
        str(alert["id"]),
        {"failed": 1},
        "Bearer abc",
    )
    assert said["items"][0]["url"] == f"https://vai.example.com/runs/{run_id}"
    assert (alert["status"], alert["attempts"], alert["error"]) == ("sent", 1, None)


@pytest.mark.parametrize("kind", ["slack", "teams"])
async def test_names_and_errors_are_no_markup(own_stage: Stage, kind: str) -> None:
    async with WebServer.opened() as web:
        await _posting(own_stage, web.url, kind, name=MARKUP)
        await _failure(own_stage, MARKUP)
        await send(own_stage)
        said = orjson.loads(web.seen[0].body)
    plain = [one for one in _objects(said) if isinstance(one.get("text"), str) and one.get("type")]
    assert {one["type"] for one in plain} == ({"text", "link"} if kind == "slack" else {"TextRun"})
    assert any("<!channel>" in one["text"] and "[click]" in one["text"] for one in plain)
    assert kind == "teams" or "<" not in said["text"]


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(one for inner in value.values() for one in _objects(inner))]
    return [one for inner in value for one in _objects(inner)] if isinstance(value, list) else []


def _email(mail: MailServer, **said: Any) -> dict[str, Any]:
    who = {"sender": "vai@example.com", "recipients": ["a@example.com", "b@example.com"]}
    return {"type": "email", "host": "127.0.0.1", "port": mail.port, "security": "none", **who, **said}


async def test_an_email_has_no_header_of_a_name_and_an_id_of_its_alert(own_stage: Stage) -> None:
    async with mail_server() as mail:
        rule_id = await rule(own_stage, _email(mail), name=MARKUP)
        await own_stage.gateway.execute("UPDATE organisations SET name = $2 WHERE id = $1", own_stage.org_id, MARKUP)
        await _failure(own_stage, MARKUP)
        await send(own_stage)
        (text,) = mail.mails
    head, _, _ = text.partition("\r\n\r\n")
    (alert,) = await alerts_of(own_stage, rule_id)
    assert f"Message-ID: <{alert['id']}@example.com>" in head
    assert not any(line.lower().startswith("bcc") for line in head.split("\r\n"))
    assert alert["status"] == "sent"


@pytest.mark.parametrize("name", ["a..b", ".a", "a.", "a!#$%&'*+/=?^_`{|}~-b", "a+b", "x" * 64])
async def test_every_address_that_is_taken_can_be_written_to(own_stage: Stage, name: str) -> None:
    """Some providers gave out names with dots that other servers want in quotes."""
    address = email_of(f"{name}@example.com")
    async with mail_server() as mail:
        rule_id = await rule(own_stage, _email(mail, sender=address, recipients=[address]))
        await _failure(own_stage)
        await send(own_stage)
        assert len(mail.mails) == 1
    (alert,) = await alerts_of(own_stage, rule_id)
    assert (alert["status"], alert["error"]) == ("sent", None)


@pytest.mark.parametrize("asked", ["2000", "Tue, 01 Jan 2999 00:00:00 GMT"])
async def test_a_receiver_says_how_long_to_wait_in_either_form(own_stage: Stage, asked: str) -> None:
    async with WebServer.opened() as web:
        web.replies["/x"] = Reply(status=429, headers={"retry-after": asked})
        rule_id = await _posting(own_stage, f"{web.url}/x", "slack")
        await _failure(own_stage)
        await send(own_stage)
    (alert,) = await alerts_of(own_stage, rule_id)
    assert alert["due_at"] - now() > timedelta(seconds=1_500)


@pytest.mark.parametrize(("refused", "status"), [(("a@",), "sent"), (("a@", "b@"), "given_up")])
async def test_recipients_that_a_mail_server_refuses_are_told(
    own_stage: Stage, refused: tuple[str, ...], status: str
) -> None:
    async with mail_server(refused=refused) as mail:
        rule_id = await rule(own_stage, _email(mail))
        await _failure(own_stage)
        await send(own_stage)
    (alert,) = await alerts_of(own_stage, rule_id)
    assert alert["status"] == status
    assert "does not take these recipients: a@example.com" in alert["error"]["message"]


async def test_a_mail_server_without_encryption_gets_nothing_if_it_was_asked_for(own_stage: Stage) -> None:
    async with mail_server() as mail:
        channel = _email(mail, security="starttls", username="u")
        rule_id = await rule(own_stage, channel, {"password": "secret-of-mail"})
        await _failure(own_stage)
        await send(own_stage)
        assert mail.mails == []
    (alert,) = await alerts_of(own_stage, rule_id)
    assert alert["status"] == "given_up"
    assert "STARTTLS" in alert["error"]["message"]


OUTCOMES = [
    (Reply(status=500), "waiting", "answered 500"),
    (Reply(status=429, headers={"retry-after": "120"}), "waiting", "answered 429"),
    (Reply(hang_up=True), "waiting", "does not answer"),
    (Reply(status=302, headers={"location": "http://169.254.169.254/"}), "given_up", "redirects are not followed"),
    (Reply(status=404, body=b"no_service\x00<b>"), "given_up", "answered 404: no_service"),
    (Reply(status=403, body=b"/services/T0SECRET/B0 is unknown"), "given_up", "[secret]"),
]


@pytest.mark.parametrize(("reply", "status", "told"), OUTCOMES)
async def test_what_does_not_arrive_says_why_without_its_address(
    own_stage: Stage, reply: Reply, status: str, told: str
) -> None:
    async with WebServer.opened() as web:
        web.replies["/services/T0SECRET/B0"] = reply
        rule_id = await _posting(own_stage, f"{web.url}/services/T0SECRET/B0", "slack")
        await _failure(own_stage)
        await send(own_stage)
        assert len(web.seen) == 1
    (alert,) = await alerts_of(own_stage, rule_id)
    assert alert["status"] == status
    assert told in alert["error"]["message"]
    assert "T0SECRET" not in str(alert["error"])
    if reply.status == 429:
        assert (alert["due_at"] - alert["began_at"]).total_seconds() >= 119


async def test_an_address_that_is_not_public_is_refused(own_stage: Stage) -> None:
    async with WebServer.opened() as web:
        rule_id = await _posting(own_stage, web.url)
        await _failure(own_stage)
        await send(own_stage, Sender(own_stage.pool, Keyring(KEYS), PUBLIC, ""))
        assert web.seen == []
    (alert,) = await alerts_of(own_stage, rule_id)
    assert (alert["status"], alert["error"]["code"]) == ("given_up", "CONNECTION_ERROR")


async def test_a_receiver_that_was_away_gets_the_message_and_one_with_all_the_rest(own_stage: Stage) -> None:
    async with WebServer.opened() as web:
        web.replies["/"] = Reply(status=503)
        rule_id = await _posting(own_stage, f"{web.url}/")
        for _ in range(3):
            await _failure(own_stage)
            await send(own_stage)
        assert len(web.seen) == 1
        del web.replies["/"]
        await own_stage.pool.execute("UPDATE alerts SET due_at = clock_timestamp() WHERE rule_id = $1", rule_id)
        await send(own_stage)
        await send(own_stage)
    found = await alerts_of(own_stage, rule_id)
    assert [(one["status"], one["counts"]["failed"]) for one in found] == [("sent", 1), ("sent", 2)]


async def test_messages_of_a_rule_keep_their_distance(own_stage: Stage) -> None:
    async with WebServer.opened() as web:
        rule_id = await _posting(own_stage, web.url, pause_seconds=300)
        for _ in range(3):
            await _failure(own_stage)
            await send(own_stage)
        assert len(web.seen) == 1
    sent, open_ = await alerts_of(own_stage, rule_id)
    assert open_["counts"] == {"failed": 2}
    assert 290 < (open_["due_at"] - sent["began_at"]).total_seconds() < 310


async def test_a_slow_receiver_keeps_no_other_organisation_waiting(own_stage: Stage) -> None:
    answer = asyncio.Event()
    async with WebServer.opened() as web:
        web.replies["/slow"] = Reply(wait=answer)
        for _ in range(20):
            await _posting(own_stage, f"{web.url}/slow")
        await _failure(own_stage)
        sender = sender_of(own_stage)
        await sender.send_once()
        other = Stage(own_stage.database, own_stage.pool, own_stage.gateway, (await _other(own_stage)))
        quick = await _posting(other, f"{web.url}/quick")
        await _failure(other)
        await sender.send_once()
        async with asyncio.timeout(30):
            await sender.wake.wait()
        assert (await alerts_of(other, quick))[0]["status"] == "sent"
        assert await own_stage.pool.fetchval("SELECT count(*) FROM alerts WHERE status = 'sending'") == 4
        answer.set()
        await sender.stop()


async def _other(stage: Stage) -> UUID:
    org_id = uuid7()
    text = "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'Another')"
    await stage.gateway.execute(text, org_id, org_id.hex)
    return org_id


async def test_a_scheduler_that_died_before_it_noted_leaves_the_message_to_another(
    own_stage: Stage,
) -> None:
    async with WebServer.opened() as web:
        rule_id = await _posting(own_stage, web.url)
        await _failure(own_stage)
        dead = await alerts.claim(own_stage.pool, [])
        assert dead is not None
        await send(own_stage)
        assert web.seen == []  # while its claim lasts, nobody else sends
        await own_stage.pool.execute("UPDATE alerts SET due_at = clock_timestamp()")
        await send(own_stage)
        await alerts.failed(own_stage.pool, dead, {}, None)  # it was only frozen: its claim counts no more
    (alert,) = await alerts_of(own_stage, rule_id)
    assert [seen.headers["webhook-id"] for seen in web.seen] == [str(alert["id"])]
    assert (alert["status"], alert["attempts"]) == ("sent", 2)


async def test_many_schedulers_send_each_message_once(own_stage: Stage) -> None:
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(WebServer.opened())
        for n in range(12):
            await _posting(own_stage, f"{web.url}/{n}")
        await _failure(own_stage)
        for _ in range(4):
            await asyncio.gather(*(send(own_stage) for _ in range(3)))
        assert sorted(seen.target for seen in web.seen) == sorted(f"/{n}" for n in range(12))


async def test_a_test_is_tried_once_and_a_given_up_message_can_be_sent_again(own_stage: Stage) -> None:
    async with WebServer.opened() as web:
        web.replies["/"] = Reply(status=503)
        rule_id = await _posting(own_stage, f"{web.url}/")
        alert_id = await alerts.ask(own_stage.pool, own_stage.org_id, rule_id)
        await send(own_stage)
        (alert,) = await alerts_of(own_stage, rule_id)
        assert alert["status"] == "given_up"
        del web.replies["/"]
        assert await alerts.send_again(own_stage.pool, own_stage.org_id, alert_id)
        await send(own_stage)
        assert "This is a test" in orjson.loads(web.seen[-1].body)["title"]
    (alert,) = await alerts_of(own_stage, rule_id)
    assert (alert["status"], alert["error"]) == ("sent", None)


async def test_secrets_that_no_key_opens_give_the_message_up(own_stage: Stage) -> None:
    rule_id = await _posting(own_stage, "http://127.0.0.1:9/")
    await _failure(own_stage)
    other = Keyring("k2:" + "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=")
    await send(own_stage, Sender(own_stage.pool, other, PUBLIC, ""))
    (alert,) = await alerts_of(own_stage, rule_id)
    assert alert["status"] == "given_up"
    assert "'k1' is missing" in alert["error"]["message"]
