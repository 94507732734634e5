"""The loop of an agent: what is written when, what its calls become, and how it ends."""

from typing import Any
from uuid import UUID

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_testkit.agents import AgentHouse
from vai_testkit.servers.models.script import Call, Turn
from vai_testkit.servers.models.server import ModelServer
from vai_worker.kind import Park
from vai_worker.models.outputs import TOOL

FETCH: dict[str, Any] = {"kind": "http_request", "name": "fetch", "maySet": ["url"]}
POST: dict[str, Any] = {"kind": "http_request", "name": "post", "fixed": {"method": "POST", "url": "https://api.example.com/orders"},
        "maySet": ["body"]}  # fmt: skip
OPEN: dict[str, Any] = {"tools": [FETCH, POST], "allowedDomains": ["example.com"]}
PAGE = Call("fetch", {"url": "https://www.example.com/a"})


async def test_an_answer_without_calls_is_the_result(house: AgentHouse, model: ModelServer) -> None:
    await house.save(instructions="Be brief.")
    model.follow([Turn("Forty two.", input_tokens=100, output_tokens=3)])
    came = await house.turn(await house.ask("How many?", inputs={"of": "<b>"}))
    assert isinstance(came, dict)
    known = {"answer": "Forty two.", "output": None, "steps": 1, "calls": 0, "tokens": 103, "agent": "helper"}
    assert known.items() <= came.items()
    [asked] = model.asked
    assert asked.system.startswith("Be brief.\n\nHow you work here:")
    assert asked.texts == ('How many?\n\n<data from="inputs">\n{"of": "\\u003cb>"}\n</data>',)
    assert "".join(message for event, message, _ in house.logs if event == "model_text") == "Forty two."


async def test_calls_are_runs_side_by_side_and_the_agent_waits_without_a_slot(
    house: AgentHouse, model: ModelServer
) -> None:
    await house.save(**OPEN)
    model.follow([Turn("Let me see.", calls=(PAGE, Call("post", {"body": {"n": 1}}))), Turn("Done.")])
    run_id = await house.ask()
    parked = await house.turn(run_id)
    assert isinstance(parked, Park)
    assert parked.message == "Waiting for 2 calls: fetch, post"
    page, order = await house.children(run_id)
    assert (page["kind"], page["definition"]) == (
        "http_request",
        {"url": "https://www.example.com/a", "follow_redirects": False},
    )
    assert order["definition"] == {"method": "POST", "url": "https://api.example.com/orders", "body": {"n": 1}}
    came = {(row["trigger_method"], row["trigger_source_type"], row["trigger_source_id"]) for row in (page, order)}
    assert came == {("agent", "agent_run", str(run_id))}
    assert house.bell.rung == [("http_request", page["id"]), ("http_request", order["id"])]
    await house.others.end(str(page["id"]), result={"body": "a </data> b"})
    assert isinstance(await house.turn(run_id), Park)  # the other one is still under way
    error = {"code": "DATA_ERROR", "message": "no", "details": {}, "retryable": False}
    await house.others.end(str(order["id"]), "failed", error=error)
    ended = await house.turn(run_id)
    assert isinstance(ended, dict)
    assert (ended["answer"], ended["steps"], ended["calls"]) == ("Done.", 2, 2)
    first, second = model.asked[1].results
    assert (
        first.text == '<data from="fetch">\n{"status": "completed", "result": {"body": "a \\u003c/data> b"}}\n</data>'
    )
    assert '"status": "failed", "error": {"code": "DATA_ERROR", "message": "no"}' in second.text
    assert len(model.asked) == 2


REFUSED: list[tuple[Call, str]] = [
    (Call("delete_all", {}), "there is no tool 'delete_all'; there are: fetch, post"),
    (Call("fetch", "{no json"), "the arguments are no JSON"),
    (Call("fetch", "[1]"), "the arguments are no JSON object"),
    (Call("fetch", {}), "'url' is a required property"),
    (Call("fetch", {"url": 5}), "5 is not of type 'string'"),
    (Call("fetch", {"url": "https://example.com", "headers": {"a": "b"}}), "'headers' was unexpected"),
    (Call("fetch", {"url": "https://evil.test/"}), "'evil.test' is not in the agent's allowedDomains: example.com"),
    (Call("fetch", '{"url": "https://example.com/\\u0000"}'), "no text may hold the character U+0000"),
    (Call("post", '{"body": {"id": 12345678901234567890123}}'), "body.id: 12345678901234567890123 is no number of 64"),
    (Call("post", '{"body": 1e400}'), "the arguments are no JSON"),
    (Call("post", {"body": 1, "url": "https://example.com"}), "'url' was unexpected"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
async def test_a_call_that_cannot_be_made_is_refused_in_words_and_makes_no_run(
    house: AgentHouse, model: ModelServer, call: Call, words: str
) -> None:
    await house.save(**OPEN)
    model.follow([Turn(calls=(call,)), Turn("I see.")])
    run_id = await house.ask()
    came = await house.turn(run_id)
    assert isinstance(came, dict)
    assert (came["answer"], came["calls"]) == ("I see.", 0)
    assert words in model.asked[1].results[0].text
    assert await house.children(run_id) == []


async def test_an_output_fits_its_schema_or_is_asked_for_again_and_then_fails(
    house: AgentHouse, model: ModelServer
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    await house.save(outputSchema=schema)
    wrong, right = Call(TOOL, {"n": "seven"}), Call(TOOL, {"n": 7})
    model.follow([Turn("It is seven."), Turn(calls=(wrong,)), Turn(calls=(right,))])
    came = await house.turn(await house.ask())
    assert isinstance(came, dict)
    assert (came["output"], came["steps"]) == ({"n": 7}, 3)
    assert "n: 'seven' is not of type 'integer'" in model.asked[2].results[0].text
    model.says = lambda asked: Turn(calls=(wrong,))
    failed = await house.turn(await house.ask())
    assert isinstance(failed, RunError)
    assert failed.code is ErrorCode.DATA_ERROR
    assert "no answer that fits its schema, 3 times: n: 'seven' is not of type 'integer'" in failed.message


@pytest.mark.parametrize("provider", ["openai_compatible", "anthropic"])
async def test_a_long_number_of_a_model_keeps_its_digits_or_is_asked_for_again(
    house: AgentHouse, model: ModelServer, provider: str
) -> None:
    await house.house.connect("there", provider)
    schema = {"type": "object", "properties": {"id": {}}, "required": ["id"]}
    await house.save(outputSchema=schema, model="there/scripted-1")
    digits = 2**64 + 1
    model.follow([Turn(calls=(Call(TOOL, {"id": digits}),)), Turn(calls=(Call(TOOL, {"id": str(digits)}),))])
    came = await house.turn(await house.ask())
    assert isinstance(came, dict)
    assert came["output"] == {"id": str(digits)}
    assert f"id: {digits} is no number of 64 bits: write it as a string" in model.asked[1].results[0].text


@pytest.mark.parametrize("turn", [Turn(""), Turn(calls=(Call("nothing", {}),)), Turn(calls=(Call("fetch", "{"),))])
async def test_a_model_whose_answers_are_of_no_use_is_asked_three_times(
    house: AgentHouse, model: ModelServer, turn: Turn
) -> None:
    await house.save(**OPEN)
    model.says = lambda asked: turn
    failed = await house.turn(await house.ask())
    assert isinstance(failed, RunError)
    assert (failed.code, len(model.asked)) == (ErrorCode.DATA_ERROR, 3)
    assert failed.message.startswith("Nothing could be done with 3 answers of the model in a row")


LIMITS: list[tuple[dict[str, Any], str, ErrorCode]] = [
    ({"steps": 3}, "steps", ErrorCode.DATA_ERROR),
    ({"calls": 2}, "calls", ErrorCode.DATA_ERROR),
    ({"tokens": 40}, "tokens", ErrorCode.RATE_LIMITED),
    ({"money": 0.00001}, "money", ErrorCode.RATE_LIMITED),
]


@pytest.mark.parametrize(("limits", "name", "code"), LIMITS)
async def test_a_model_that_never_stops_meets_each_limit(
    house: AgentHouse, model: ModelServer, limits: dict[str, Any], name: str, code: ErrorCode
) -> None:
    price = {"input_per_million": 1, "output_per_million": 1}
    await house.house.set(default="here/scripted-1", prices={"here/scripted-1": price})
    await house.save(**OPEN, limits=limits)
    model.says = lambda asked: Turn("And on.", calls=(PAGE,))
    failed = await house.to_its_end(await house.ask())
    assert isinstance(failed, RunError)
    assert (failed.code, failed.details["limit"], failed.details["most"]) == (code, name, limits[name])
    assert failed.details["reached"]["steps"] == len(model.asked) <= 3
    assert failed.details["last_text"] == "And on."


async def test_time_is_a_limit_too_and_counts_from_the_start(house: AgentHouse, model: ModelServer) -> None:
    await house.save(**OPEN, limits={"seconds": 60})
    model.says = lambda asked: Turn(calls=(PAGE,))
    run_id = await house.ask()
    assert isinstance(await house.turn(run_id), Park)
    await house.database.change(run_id, "started_at = started_at - interval '2 min'")
    await house.end_children(run_id)
    failed = await house.turn(run_id)
    assert isinstance(failed, RunError)
    assert (failed.code, failed.details["limit"]) == (ErrorCode.TIMEOUT, "seconds")


FAULTS: list[tuple[Turn, ErrorCode, bool]] = [
    (Turn(status=429, headers={"Retry-After": "7"}), ErrorCode.RATE_LIMITED, True),
    (Turn("a long answer of many words", cut_after=300), ErrorCode.CONNECTION_ERROR, True),
    (Turn(raw=b"<html>Bad gateway</html>"), ErrorCode.CONNECTION_ERROR, True),
    (Turn(status=401), ErrorCode.AUTH_ERROR, False),
]


@pytest.mark.parametrize(("turn", "code", "again"), FAULTS)
async def test_a_fault_of_the_provider_is_the_runs_and_nothing_is_written(
    house: AgentHouse, model: ModelServer, turn: Turn, code: ErrorCode, again: bool
) -> None:
    await house.save()
    model.says = lambda asked: turn
    run_id = await house.ask()
    failed = await house.turn(run_id)
    assert isinstance(failed, RunError)
    assert (failed.code, failed.retryable, await house.turns(run_id)) == (code, again, [])


async def test_a_call_that_needs_an_approval_waits_for_it_no_longer_than_the_agent(
    house: AgentHouse, model: ModelServer
) -> None:
    await house.save(tools=[POST | {"approval": True}], limits={"seconds": 100})
    model.follow([Turn(calls=(Call("post", {"body": 1}),)), Turn("It was refused.")])
    run_id = await house.ask()
    assert isinstance(await house.turn(run_id), Park)
    [child] = await house.children(run_id)
    assert (child["phase"], child["held_for"], child["requires_approval"]) == ("held", "approval", True)
    assert 0 < child["approval_timeout_seconds"] <= 100


async def test_saved_actions_automations_and_agents_are_tools_with_what_they_were_saved_with(
    house: AgentHouse, model: ModelServer
) -> None:
    await house.save_action("orders", "dlt_extract", {"source": "sample", "resources": ["orders"]})
    await house.save("other", instructions="Know all.")
    tools = [{"action": "orders", "maySet": ["resources"]}, {"agent": "other", "name": "ask"}, {"agent": "gone"}]
    await house.save(tools=tools)
    calls = (Call("orders", {"resources": ["customers"]}), Call("ask", {"question": "Why?"}), Call("gone", {}))
    model.follow([Turn(calls=calls), Turn("Done.")])
    run_id = await house.ask()
    assert isinstance(await house.turn(run_id), Park)
    extract, asked = await house.children(run_id)
    assert extract["definition"] == {"source": "sample", "resources": [{"name": "customers"}]}
    assert (extract["action_id"] is not None, asked["kind"]) == (True, "call_agent")
    assert asked["definition"] == {"agent": "other", "question": "Why?"}
    assert model.asked[0].tool_names == ["orders", "ask"]


async def test_agents_that_call_each_other_come_to_an_end(house: AgentHouse, model: ModelServer) -> None:
    await house.save(tools=[{"agent": "helper", "name": "myself"}])
    model.says = lambda asked: Turn(calls=(Call("myself", {"question": "And you?"}),))
    run_id = await house.ask()
    for _ in range(5):
        assert isinstance(await house.turn(run_id), Park)
        run_id = UUID(str((await house.children(run_id))[0]["id"]))
    failed = await house.turn(run_id)
    assert isinstance(failed, RunError)
    assert "5 agents have called each other in a row" in failed.message


async def test_a_run_works_with_the_agent_as_it_was_when_it_began(house: AgentHouse, model: ModelServer) -> None:
    agent_id = await house.save(**OPEN)
    model.follow([Turn(calls=(PAGE,)), Turn(calls=(PAGE,)), Turn("Done.")])
    run_id = await house.ask()
    assert isinstance(await house.turn(run_id), Park)
    await house.pool.execute("UPDATE agents SET definition = definition || '{\"tools\": []}' WHERE id = $1", agent_id)
    await house.end_children(run_id)
    came = await house.to_its_end(run_id)
    assert isinstance(came, dict)
    assert came["calls"] == 2


async def test_datasets_are_read_by_two_tools_and_no_other_tables(house: AgentHouse, model: ModelServer) -> None:
    await house.save(datasets=["silver.orders"])
    calls = (
        Call("query_datasets", {"sql": "SELECT 1 FROM silver.orders"}),
        Call("describe_datasets", {"datasets": ["silver.orders"]}),
        Call("describe_datasets", {"datasets": ["silver.people"]}),
        Call("query_datasets", {"sql": "SELECT 1", "datasets": ["silver.people"]}),
    )
    model.follow([Turn(calls=calls), Turn("Done.")])
    run_id = await house.ask()
    assert isinstance(await house.turn(run_id), Park)
    query, described = await house.children(run_id)
    assert query["definition"] == {"sql": "SELECT 1 FROM silver.orders", "datasets": ["silver.orders"]}
    assert described["definition"] == {"datasets": ["silver.orders"], "meanings": False}
    await house.end_children(run_id)
    await house.turn(run_id)
    assert "'silver.people' is none of the agent's datasets: silver.orders" in model.asked[1].results[2].text
    assert "'datasets' was unexpected" in model.asked[1].results[3].text


async def test_a_long_conversation_is_shortened_by_rules(house: AgentHouse, model: ModelServer) -> None:
    await house.save(**OPEN, limits={"contextTokens": 4_000, "steps": 9})
    model.says = lambda asked: Turn("Done.") if len(model.asked) == 7 else Turn(calls=(PAGE,))
    came = await house.to_its_end(await house.ask("What of it?"), {"body": "x" * 4_000})
    assert isinstance(came, dict)
    last = model.asked[-1]
    assert last.texts[0].startswith("What of it?")
    left_out = [result.text.startswith("This result was left out") for result in last.results]
    assert left_out == [True, True, True, True, False, False]
    assert [event for event, _, _ in house.logs].count("conversation_shortened") == 4
