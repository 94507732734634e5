"""One question to a model, by each protocol, and what a provider's faults become."""

from typing import Any

import pytest

from vai_common.egress.addresses import PUBLIC
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_testkit.models import ModelHouse
from vai_testkit.servers.models.script import Asked, Call, Turn
from vai_testkit.servers.models.server import ModelServer
from vai_worker.models.asking import ask
from vai_worker.models.outputs import TOOL

WAYS = [
    ("openai", "responses", "responses"),
    ("openai", "chat", "chat"),
    ("openai_compatible", "chat", "chat"),
    ("google", "chat", "chat"),
    ("anthropic", "messages", "messages"),
]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture
async def ready(house: ModelHouse) -> ModelHouse:
    await house.connect("here", "openai_compatible")
    await house.set(default="here/scripted-1")
    return house


@pytest.mark.parametrize(("provider_name", "api", "protocol"), WAYS)
@pytest.mark.parametrize("streams", [True, False])
async def test_each_protocol_is_spoken(
    house: ModelHouse, provider: ModelServer, provider_name: str, api: str, protocol: str, streams: bool
) -> None:
    await house.connect("here", provider_name, api=api, stream=streams)
    provider.follow([Turn("Forty two.", input_tokens=100, output_tokens=3)])
    answer = await ask(house.run(), "What is it?", instructions="Be brief.", model="here/scripted-1")
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("Forty two.", 100, 3)
    [asked] = provider.asked
    assert (asked.protocol, asked.system, asked.texts) == (protocol, "Be brief.", ("What is it?",))
    assert asked.streams is streams


@pytest.mark.parametrize(("provider_name", "api", "protocol"), WAYS)
async def test_an_answer_by_a_schema_is_asked_for_until_it_fits(
    house: ModelHouse, provider: ModelServer, provider_name: str, api: str, protocol: str
) -> None:
    await house.connect("here", provider_name, api=api)
    wrong, right = Call(TOOL, {"n": "seven"}), Call(TOOL, {"n": 7})
    provider.follow([Turn("It is seven."), Turn(calls=(wrong,)), Turn(calls=(right,))])
    answer = await ask(house.run(), "How many?", model="here/scripted-1", schema=SCHEMA)
    assert (answer.data, answer.tries, answer.output_tokens) == ({"n": 7}, 3, 21)
    assert "n: 'seven' is not of type 'integer'" in provider.asked[2].results[0].text


async def test_an_answer_that_never_fits_is_a_fault_of_the_data(ready: ModelHouse, provider: ModelServer) -> None:
    provider.says = lambda asked: Turn(calls=(Call(TOOL, "{no json"),))
    with pytest.raises(Permanent, match="3 times: it is no JSON") as fault:
        await ask(ready.run(), "How many?", schema=SCHEMA)
    assert (fault.value.code, len(provider.asked)) == (ErrorCode.DATA_ERROR, 3)


async def test_a_schema_that_is_no_object_is_answered_with_its_value(ready: ModelHouse, provider: ModelServer) -> None:
    provider.follow([Turn(calls=(Call(TOOL, {"value": ["a", "b"]}),))])
    answer = await ask(ready.run(), "Which?", schema={"type": "array", "items": {"type": "string"}})
    assert answer.data == ["a", "b"]


FAULTS: list[tuple[Turn, type[RunError], ErrorCode, str]] = [
    (Turn(status=429, headers={"Retry-After": "7"}), Retryable, ErrorCode.RATE_LIMITED, "too many requests"),
    (Turn(status=500), Retryable, ErrorCode.CONNECTION_ERROR, "no whole answer"),
    (Turn(status=503), Retryable, ErrorCode.CONNECTION_ERROR, "no whole answer"),
    (Turn(status=529), Retryable, ErrorCode.CONNECTION_ERROR, "no whole answer"),
    (Turn(status=400, message="Bad temperature."), Permanent, ErrorCode.DATA_ERROR, "Bad temperature"),
    (Turn(status=403, message="Not for you."), Permanent, ErrorCode.AUTH_ERROR, "Not for you"),
    (Turn("a long answer of many words", cut_after=300), Retryable, ErrorCode.CONNECTION_ERROR, "no whole answer"),
    (Turn(raw=b"<html>Bad gateway</html>"), Retryable, ErrorCode.CONNECTION_ERROR, "no whole answer"),
    (Turn(raw=b""), Retryable, ErrorCode.CONNECTION_ERROR, "no whole answer"),
]


@pytest.mark.parametrize(("provider_name", "api", "protocol"), [WAYS[0], WAYS[2], WAYS[4]])
@pytest.mark.parametrize(("turn", "kind", "code", "words"), FAULTS)
async def test_a_fault_of_the_provider_is_told_and_never_tried_again_here(
    house: ModelHouse,
    provider: ModelServer,
    provider_name: str,
    api: str,
    protocol: str,
    turn: Turn,
    kind: type[RunError],
    code: ErrorCode,
    words: str,
) -> None:
    await house.connect("here", provider_name, api=api)
    provider.says = lambda asked: turn
    with pytest.raises(kind, match=words) as fault:
        await ask(house.run(), "What?", model="here/scripted-1")
    assert (fault.value.code, len(provider.asked)) == (code, 1)
    if turn.status == 429:
        assert getattr(fault.value, "retry_after", None) == 7


async def test_a_revoked_key_is_told_at_its_connection_and_never_shown(house: ModelHouse) -> None:
    connection = await house.connect("here", "openai", key="sk-revoked-0123456789")
    run = house.run()
    with pytest.raises(Permanent, match="refuses the key of the connection here") as fault:
        await ask(run, "What?", model="here/scripted-1")
    assert fault.value.code is ErrorCode.AUTH_ERROR
    assert "sk-revoked-0123456789" not in str(fault.value.as_json())
    assert [of for of, _ in run.failures] == [connection]


async def test_a_model_that_the_provider_does_not_have_is_said_to_be_missing(ready: ModelHouse) -> None:
    with pytest.raises(Permanent, match="has no model 'other'"):
        await ask(ready.run(), "What?", model="here/other")


async def test_a_private_address_is_refused(ready: ModelHouse, provider: ModelServer) -> None:
    with pytest.raises(Permanent, match="is not public"):
        await ask(ready.run(addresses=PUBLIC), "What?")
    assert not provider.asked


@pytest.mark.parametrize(
    ("settings", "wanted", "words"),
    [
        ({}, None, "No model is configured: make a connection"),
        ({}, "nowhere/gpt", "no connection 'nowhere'"),
        ({}, "no-slash", "no connection 'no-slash'"),
        ({"allowed": ["here/small-*"]}, "here/scripted-1", "does not allow the model 'here/scripted-1'; it allows"),
        ({}, "store/scripted-1", "is of s3, which has no models"),
    ],
)
async def test_a_model_that_may_not_be_used_is_said_to_be(
    house: ModelHouse, settings: dict[str, Any], wanted: str | None, words: str
) -> None:
    await house.connect("here", "openai_compatible")
    await house.connect("store", "s3")
    await house.set(**settings)
    with pytest.raises(Permanent, match=words):
        await ask(house.run(), "What?", model=wanted)


async def test_the_day_has_limits_of_tokens_and_of_money(ready: ModelHouse, provider: ModelServer) -> None:
    price = {"here/scripted-1": {"input_per_million": 1_000_000, "output_per_million": 0}}
    await ready.set(default="here/scripted-1", prices=price, money_per_day=15)
    assert (await ask(ready.run(), "One?")).dollars == 11
    assert (await ask(ready.run(), "Two?")).dollars == 11
    with pytest.raises(Permanent, match=r"nothing more today: 0\.0000 US dollars left") as fault:
        await ask(ready.run(), "Three?")
    assert (fault.value.code, len(provider.asked)) == (ErrorCode.RATE_LIMITED, 2)


async def test_the_table_knows_the_price_of_known_models(house: ModelHouse, provider: ModelServer) -> None:
    await house.connect("here", "openai")
    provider.models.append("gpt-4o-mini")
    provider.says = lambda asked: Turn("Yes.", input_tokens=1_000_000, output_tokens=0)
    assert (await ask(house.run(), "Known?", model="here/gpt-4o-mini")).dollars == pytest.approx(0.15)
    assert (await ask(house.run(), "Known?", model="here/scripted-1")).dollars is None


async def test_what_was_said_before_goes_along(ready: ModelHouse, provider: ModelServer) -> None:
    seen: list[Asked] = provider.asked
    await ask(ready.run(), "And now?", earlier=[("First?", "One."), ("Second?", "Two.")])
    assert seen[0].texts == ("First?", "Second?", "And now?")
    assert [one["content"] for one in seen[0].body["messages"] if one["role"] == "assistant"] == ["One.", "Two."]
