"""Answers of providers that are no good, or more than they should be: what they become, and what they cost."""

import gzip
import json
from typing import Any

import pytest
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_testkit.models import ModelHouse
from vai_testkit.servers.models.script import Call, Turn
from vai_testkit.servers.models.server import KEY, ModelServer
from vai_worker.models import clients, opened
from vai_worker.models.asking import Answer, ask
from vai_worker.models.outputs import TOOL
from vai_worker.models.tokens import MOST_TOKENS

Json = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
HEAD = {"id": "a", "created": 1, "model": "scripted-1"}


def whole(usage: Any = None, **message: Any) -> Turn:
    """An answer of chat completions that comes as a whole."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."} | message, "finish_reason": "stop"}
    body = HEAD | {"object": "chat.completion", "choices": [choice]} | ({} if usage is None else {"usage": usage})
    return Turn(raw=json.dumps(body).encode())


def streamed(*choices: Json) -> Turn:
    """A stream of chat completions that ends in order."""
    pieces = [HEAD | {"object": "chat.completion.chunk", "choices": [{"index": 0} | choice]} for choice in choices]
    lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces]
    return Turn(raw="".join([*lines, "data: [DONE]\n\n"]).encode(), headers={"Content-Type": "text/event-stream"})


async def asked(house: ModelHouse, provider: ModelServer, turn: Turn, schema: Any = None, **config: Any) -> Answer:
    await house.connect("here", "openai_compatible", **config)
    provider.says = lambda _: turn
    return await ask(house.run(), "What is it, then?", model="here/scripted-1", schema=schema)


async def counted(house: ModelHouse) -> tuple[int, int]:
    used = "SELECT sum(input_tokens)::bigint, sum(output_tokens)::bigint FROM model_usage WHERE org_id = $1"
    row = await house.pool.fetchrow(used, house.org_id)
    return row[0], row[1]


def used(read: Any, wrote: Any) -> Json:
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": 1}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (used(10, 5), (10, 5)),
        (None, (5, 1)),
        (used(-1_000_000, -5), (5, 1)),
        (used(10**30, 5), (MOST_TOKENS, 5)),
        (used(9 * 10**18, 9 * 10**18), (MOST_TOKENS, MOST_TOKENS)),
    ],
)
@pytest.mark.filterwarnings("ignore:Failed to extract usage")  # of genai-prices, about a negative number
async def test_what_a_provider_says_of_tokens_never_frees_a_call_nor_breaks_the_count(
    house: ModelHouse, provider: ModelServer, usage: Any, tokens: tuple[int, int]
) -> None:
    await house.connect("here", "openai_compatible", stream=False)
    provider.says = lambda _: whole(usage)
    for _ in range(2):  # numbers that alone fit in a column do not overflow it together
        answer = await ask(house.run(), "What is it, then?", model="here/scripted-1")
        assert (answer.input_tokens, answer.output_tokens) == tokens
    assert await counted(house) == tuple(2 * each for each in tokens)


FAULTY: list[tuple[Turn, type[RunError], ErrorCode, str]] = [
    (streamed({"delta": {"content": "Half"}, "finish_reason": "length"}), Permanent, ErrorCode.DATA_ERROR, "cut off"),
    (streamed({"delta": {}, "finish_reason": "content_filter"}), Permanent, ErrorCode.DATA_ERROR, "filter of contents"),
    (streamed({"delta": {"content": ""}, "finish_reason": "stop"}), Retryable, ErrorCode.CONNECTION_ERROR, "empty"),
    (
        streamed({"delta": {"content": "Hi"}, "finish_reason": "error"}),
        Retryable,
        ErrorCode.CONNECTION_ERROR,
        "before the answer did",
    ),
    (Turn(raw=b"data: " + b"[" * 50_000 + b"\n\n"), Retryable, ErrorCode.CONNECTION_ERROR, "cannot be read|no whole"),
    (Turn(status=307, headers={"Location": "http://169.254.169.254/"}), Permanent, ErrorCode.DATA_ERROR, "redirect"),
    (Turn(status=409), Retryable, ErrorCode.CONNECTION_ERROR, "cannot answer now"),
    (Turn(raw=b"x" * 70_000), Retryable, ErrorCode.CONNECTION_ERROR, "more than 65,536 bytes"),
]


@pytest.mark.parametrize(("turn", "kind", "code", "words"), FAULTY)
async def test_no_part_of_an_answer_is_taken_for_all_of_it(
    house: ModelHouse,
    provider: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    turn: Turn,
    kind: type[RunError],
    code: ErrorCode,
    words: str,
) -> None:
    monkeypatch.setattr(clients, "LARGEST_ANSWER", 65_536)
    with pytest.raises(kind, match=words) as fault:
        await asked(house, provider, turn)
    assert (fault.value.code, len(provider.asked)) == (code, 1)


WHOLE: list[tuple[Turn, str]] = [
    (Turn(raw=json.dumps(HEAD | {"object": "chat.completion", "choices": []}).encode()), "cannot be read"),
    (Turn(raw=b"[" * 50_000 + b"]" * 50_000), "cannot be read"),
    (Turn(raw=gzip.compress(b" " * 1_000_000), headers={"Content-Encoding": "gzip"}), "is packed"),
]


@pytest.mark.parametrize(("turn", "words"), WHOLE)
async def test_an_answer_of_another_shape_is_tried_again_and_grows_nowhere(
    house: ModelHouse, provider: ModelServer, turn: Turn, words: str
) -> None:
    with pytest.raises(Retryable, match=words):
        await asked(house, provider, turn, stream=False)


async def test_a_cut_answer_is_counted(house: ModelHouse, provider: ModelServer) -> None:
    with pytest.raises(Permanent):
        await asked(house, provider, streamed({"delta": {"content": "Half"}, "finish_reason": "length"}))
    assert (await counted(house))[1] == 1


@pytest.mark.parametrize("finish", [None, "", "stop"])
async def test_servers_that_name_no_reason_for_the_end_are_read(
    house: ModelHouse, provider: ModelServer, finish: str | None
) -> None:
    turn = streamed({"delta": {"content": "Hi"}, "finish_reason": finish})
    assert (await asked(house, provider, turn)).text == "Hi"


async def test_what_a_model_says_can_be_stored(house: ModelHouse, provider: ModelServer) -> None:
    odd = r"""{"n": "a\u0000b\ud800c"}"""
    answer = await asked(house, provider, Turn(calls=(Call(TOOL, odd),)), SCHEMA)
    assert answer.data == {"n": "a\ufffdb?c"}


async def test_another_question_of_a_run_is_asked_by_another_key_and_the_same_one_by_the_same(
    house: ModelHouse, provider: ModelServer
) -> None:
    await house.connect("here", "openai_compatible")
    run = house.run()
    for prompt in ("One?", "Two?", "One?"):
        await ask(run, prompt, model="here/scripted-1")
    run.epoch += 1  # another worker has taken it over
    await ask(run, "One?", model="here/scripted-1")
    run.retry_count += 1  # the attempt failed
    await ask(run, "One?", model="here/scripted-1")
    one, two, again, taken_over, retried = [each.headers["idempotency-key"] for each in provider.asked]
    assert one == again == taken_over
    assert len({one, two, retried}) == 3


@pytest.mark.parametrize("stream", [True, False])
async def test_a_provider_that_quotes_the_key_makes_it_known_to_nobody(
    house: ModelHouse, provider: ModelServer, stream: bool
) -> None:
    """Gateways answer 200 with the words of what is behind them."""
    await house.connect("here", "openai_compatible", stream=stream)
    provider.follow([Turn(f"The key {KEY} is unknown.", calls=(Call("look", {"q": f"Bearer {KEY}", "n": 1}),))])
    pieces: list[str] = []
    async with opened.opened(house.run(), "here/scripted-1") as model:
        asked = [ModelRequest(parts=[UserPromptPart("Go.")])]
        said = await model.say(asked, ModelRequestParameters(), once="1", on_text=pieces.append)
    assert said.response.text == "The key [secret] is unknown."
    assert "".join(pieces) == (said.response.text if stream else "")
    (call,) = said.response.tool_calls
    assert call.args_as_dict() == {"q": "[secret]", "n": 1} or call.args_as_dict() == {"q": "Bearer [secret]", "n": 1}
    assert KEY not in repr(said)
