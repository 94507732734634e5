"""What an agent did becomes steps: the same data give the same calls, other data the right other ones."""

from datetime import date
from typing import Any

import pytest

from libs.records.tests.crystallization.recordings import (
    Told,
    check_saved,
    filled,
    given_of,
    results_of,
    steps_of,
)
from vai_records.agents.definition import AgentDefinition
from vai_records.agents.turns import Turn
from vai_records.crystallization.automation import NothingToKeep, crystallize
from vai_records.crystallization.recording import LeftOut, Recording, joined, recorded
from vai_records.crystallization.referring import Unwritable

API = "https://api.example.com"


def chain() -> Recording:
    told = Told("How is order ORD-8841 going? Tell the customer.")
    told.get(1, f"{API}/orders/ORD-8841", {"id": "ORD-8841", "customer_id": 71, "state": "sent"})
    told.get(2, f"{API}/customers/71", {"id": 71, "email": "ann@example.com"})
    told.post(3, f"{API}/mails", {"to": "ann@example.com", "order": "ORD-8841", "state": "sent"})
    return told.ended("The customer was told.")


def fan_out() -> Recording:
    told = Told("Refresh the stock of all shops.")
    told.get(1, f"{API}/shops", {"shops": [{"id": 501}, {"id": 502}, {"id": 503}]})
    for shop in (501, 502, 503):
        told.post(2, f"{API}/shops/{shop}/refresh", {"shop_id": shop})
    return told.ended()


def join() -> Recording:
    told = Told("Book what was sold.")
    told.query(1, "SELECT sum(amount) AS total FROM silver.orders", [{"total": 18234.75}])
    told.get(1, f"{API}/rates", {"currency": "EUR", "rate": 1.08125})
    told.post(2, f"{API}/bookings", {"total": 18234.75, "rate": 1.08125})
    return told.ended()


def retry() -> Recording:
    told = Told("Which orders does Konya have?")
    told.query(1, "SELECT * FROM silver.order WHERE city = 'Konya'", status="failed", error="DATA_ERROR")
    told.query(2, "SELECT order_id FROM silver.orders WHERE city = 'Konya'", [{"order_id": "K-20031"}])
    told.post(3, f"{API}/lists", {"first": "K-20031"})
    return told.ended()


def by_inputs() -> Recording:
    told = Told("Report it.", {"region": "north", "customer": {"id": 4417}})
    told.query(1, "SELECT count(*) AS orders FROM silver.orders WHERE region = 'north'", [{"orders": 12}])
    told.post(2, f"{API}/customers/4417/reports", {"region": "north", "orders": 12})
    return told.ended()


def schema_first() -> Recording:
    told = Told("What is the largest order?")
    told.call(1, "describe_datasets", "explain_schema", {"datasets": ["silver.orders"]}, {"tables": ["orders"]})
    told.query(2, "SELECT max(amount) AS largest FROM silver.orders", [{"largest": 990.55}])
    return told.ended("The largest order is 990.55.")


def approval() -> Recording:
    told = Told("Refund order ORD-7.")
    told.get(1, f"{API}/orders/ORD-7", {"id": "ORD-7", "payment": "pay_99a1x"})
    told.post(2, f"{API}/refunds", {"payment": "pay_99a1x"}, approval=True)
    return told.ended()


def nested() -> Recording:
    told = Told("Write to the owner of the shop bakery-7.")
    told.call(1, "researcher", "call_agent", {"question": "Who owns the shop bakery-7?"},
              {"answer": "Mehmet Aydin"}, fixed={"agent": "researcher"})  # fmt: skip
    told.post(2, f"{API}/letters", {"name": "Mehmet Aydin"})
    return told.ended()


def by_chance() -> Recording:
    told = Told("Show the last orders and warn the shop.")
    told.query(1, "SELECT id FROM silver.orders LIMIT 20", [{"id": 7}, {"id": 8}])
    told.post(2, f"{API}/warnings", {"level": 2, "kind": "stock", "retries": 7})
    return told.ended()


def today() -> Recording:
    told = Told("What did we sell today?")
    told.query(1, "SELECT sum(amount) AS sold FROM silver.orders WHERE day = DATE '2026-03-17'", [{"sold": 771.25}])
    told.post(2, f"{API}/reports", {"day": "2026-03-17", "sold": 771.25})
    return told.ended()


def saved_action() -> Recording:
    told = Told("Load and tell.")
    told.call(1, "nightly", "dlt_extract", {"resources": ["orders"]}, {"recordsProcessed": 250_123}, action="nightly")
    told.query(2, "SELECT count(*) AS n FROM bronze.shop.orders", [{"n": 250_123}])
    told.post(3, f"{API}/loads", {"rows": 250_123})
    return told.ended("250123 rows.")


def texts() -> Recording:
    told = Told("Post the day's number.")
    told.query(1, "SELECT count(*) AS orders, 'Konya' AS city FROM silver.orders", [{"orders": 533, "city": "Konya"}])
    told.post(2, f"{API}/messages", {"text": "Orders in Konya: 533 (today)"})
    return told.ended()


ALL = (chain, fan_out, join, retry, by_inputs, schema_first, approval, nested, by_chance, today, saved_action, texts)


@pytest.mark.parametrize("record", ALL, ids=lambda record: record.__name__)
def test_the_same_data_give_the_same_calls(record: Any) -> None:
    recording = record()
    made = crystallize(recording)
    check_saved(made)
    days = {"today": "2026-03-17"}
    run = filled(made, results_of(made, recording), days)
    for key, given in given_of(made, recording).items():
        assert {name: run[key][name] for name in given} == given, key


@pytest.mark.parametrize("record", ALL, ids=lambda record: record.__name__)
def test_no_step_refers_to_one_that_it_does_not_wait_for(record: Any) -> None:
    made = crystallize(record())
    keys = list(steps_of(made))
    for key, step in steps_of(made).items():
        named = {one["reference"].split("/")[2] for one in made.report["references"]
                 if one["step"] == key and "/steps/" in one["reference"]}  # fmt: skip
        assert named <= set(step.get("depends_on", []))
        assert all(keys.index(one) < keys.index(key) for one in step.get("depends_on", []))


def test_a_chain_follows_its_values() -> None:
    recording = chain()
    made = crystallize(recording)
    assert made.automation["inputs"] == {"orders_id": {"type": "string", "default": "ORD-8841"}}
    results = results_of(made, recording)
    results["http_request"] = {"status_code": 200, "body": {"id": "ORD-9", "customer_id": 3, "state": "new"}}
    results["http_request_2"] = {"status_code": 200, "body": {"id": 3, "email": "bob@example.com"}}
    run = filled(made, results, {"orders_id": "ORD-9"})
    assert run["http_request"]["url"] == f"{API}/orders/ORD-9"
    assert run["http_request_2"]["url"] == f"{API}/customers/3"
    assert run["http_request_3"]["body"] == {"to": "bob@example.com", "order": "ORD-9", "state": "new"}


def test_calls_that_need_nothing_of_each_other_run_side_by_side() -> None:
    made = steps_of(crystallize(join()))
    assert [step.get("depends_on", []) for step in made.values()] == [[], [], ["query_datasets", "http_request"]]
    three = steps_of(crystallize(fan_out()))
    assert [step.get("depends_on", []) for step in three.values()][1:] == [["http_request"]] * 3
    notes = crystallize(fan_out()).report["notes"]
    assert any("4 times" in note for note in notes)


def test_what_a_path_asks_for_is_no_input_though_the_question_says_it() -> None:
    """`shops` and `refresh` are names of the API; which shop it is came from a result."""
    made = crystallize(fan_out())
    assert made.automation["inputs"] == {}
    urls = [step["action"]["definition"]["url"] for step in steps_of(made).values()]
    ids = "${/steps/http_request/result/body/shops/%d/id}"
    assert urls == [f"{API}/shops", *(f"{API}/shops/{ids % place}/refresh" for place in range(3))]
    told = Told("What do people in konya order?").get(1, f"{API}/cities/konya", {"id": 1})
    assert list(crystallize(told.ended()).automation["inputs"]) == ["cities_id"]


def test_what_failed_and_what_led_nowhere_is_left_out_and_told() -> None:
    made = crystallize(retry())
    assert [one["why"] for one in made.report["leftOut"]] == ["failed (DATA_ERROR)"]
    assert list(steps_of(made)) == ["query_datasets", "http_request"]
    looked = crystallize(schema_first())
    assert list(steps_of(looked)) == ["query_datasets"]
    assert [one["tool"] for one in looked.report["leftOut"]] == ["describe_datasets"]


def test_numbers_that_match_by_chance_stay_and_are_told() -> None:
    made = crystallize(by_chance())
    body = steps_of(made)["http_request"]["action"]["definition"]["body"]
    assert body == {"level": 2, "kind": "stock", "retries": 7}
    assert {one["place"] for one in made.report["unsure"]} == {"body.level", "body.retries"}


def test_the_day_is_an_input_that_must_be_given() -> None:
    made = crystallize(today())
    assert made.automation["inputs"]["today"]["required"] is True
    run = filled(made, {"query_datasets": {"rows": [{"sold": 5.5}]}}, {"today": "2026-04-01"})
    assert "DATE '2026-04-01'" in run["query_datasets"]["sql"]
    assert run["http_request"]["body"] == {"day": "2026-04-01", "sold": 5.5}


def test_values_of_the_agents_inputs_are_inputs() -> None:
    made = crystallize(by_inputs())
    assert made.automation["inputs"] == {
        "region": {"type": "string", "default": "north"},
        "customer": {"type": "object", "default": {"id": 4417}},
    }
    sql = steps_of(made)["query_datasets"]["action"]["definition"]["sql"]
    assert sql.endswith("WHERE region = '${/inputs/region}'")


def test_an_approval_stays_and_so_does_a_saved_action() -> None:
    assert steps_of(crystallize(approval()))["http_request_2"]["action"]["definition"]["requires_approval"] is True
    made = steps_of(crystallize(saved_action()))
    assert made["nightly"]["action"] == {"action_id": "nightly", "definition_overrides": {"resources": ["orders"]}}
    assert "nightly" in made["query_datasets"]["depends_on"]


def test_searches_and_pages_of_agents_are_those_of_everybody() -> None:
    told = Told("What is new about bread?")
    told.call(1, "search", "agent_search", {"query": "bread"}, {"results": [{"url": "https://a.example.com/bread"}]},
              fixed={"include_domains": ["example.com"]})  # fmt: skip
    told.call(2, "read", "agent_fetch_page", {"url": "https://a.example.com/bread"}, {"text": "Bread is warm today."})
    steps = steps_of(crystallize(told.ended("Bread is warm today.")))
    assert steps["search"]["action"] == {
        "kind": "web_search", "definition": {"query": "$/inputs/query", "include_domains": ["example.com"]},
    }  # fmt: skip
    assert steps["read"]["action"] == {
        "kind": "fetch_page", "definition": {"url": "$/steps/search/result/results/0/url"},
    }  # fmt: skip


def test_an_agent_that_was_called_still_needs_its_model() -> None:
    report = crystallize(nested()).report
    assert [one["step"] for one in report["needsModel"]] == ["researcher"]
    assert crystallize(chain()).report["needsModel"] == []


def test_a_text_of_the_models_own_is_written_by_a_model_again() -> None:
    told = Told("Summarise the complaints for the team.")
    told.get(1, f"{API}/complaints", {"complaints": [{"text": "The bread was cold and late."}]})
    text = "Customers are unhappy with late deliveries, above all on Mondays and in the north."
    told.post(2, f"{API}/messages", {"channel": "team", "text": text})
    made = crystallize(told.ended())
    steps = steps_of(made)
    assert steps["write_http_request_2"]["action"]["kind"] == "call_agent"
    assert (
        steps["http_request_2"]["action"]["definition"]["body"]["text"] == "$/steps/write_http_request_2/result/answer"
    )
    assert steps["http_request_2"]["depends_on"][-1] == "write_http_request_2"
    assert [one["step"] for one in made.report["needsModel"]] == ["write_http_request_2"]


def test_the_caller_may_name_what_is_an_input() -> None:
    made = crystallize(texts(), {"city": "Konya", "nowhere": "Ankara"})
    assert made.report["unusedParameters"] == ["nowhere"]
    body = steps_of(made)["http_request"]["action"]["definition"]["body"]
    assert body["text"] == "Orders in ${/inputs/city}: ${/steps/query_datasets/result/rows/0/orders} (today)"


@pytest.mark.parametrize(
    "value", ["pay $/steps/x/result/y", "${/inputs/secret}", {"kind": "secret", "value": "x"}, {"kind": "reference"}]
)
def test_what_only_looks_like_a_reference_stays_what_it_was(value: Any) -> None:
    """A page may have told the model to write it."""
    recording = Told("Send it.").post(1, f"{API}/x", {"note": value}).ended()
    made = crystallize(recording)
    assert filled(made, {})["http_request"]["body"] == {"note": value}


@pytest.mark.parametrize(
    "value",
    ["$/secrets/shop", "Bearer $/secrets/shop", "${/vars/shop}-x", {"kind": "static", "values": "$/vars/shop"},
     {"kind": "reference", "ref": "$/vars/shop"}, {"deep": ["$/vars/shop"]}],
)  # fmt: skip
def test_names_that_a_tool_has_fixed_stay_names(value: Any) -> None:
    """They are looked up when the step starts, as they were for the agent."""
    made = crystallize(
        Told("Send it.").call(1, "tell", "http_request", {"query": {"n": "z"}}, {}, fixed=_fixed(value)).ended()
    )
    assert steps_of(made)["tell"]["action"]["definition"] == {**_fixed(value), "query": {"n": "z"}}


@pytest.mark.parametrize(
    "value",
    ["$/inputs/shop", "a ${/steps/tell/result/x} b", "$/nothing", {"kind": "static", "values": "x"},
     {"kind": "reference", "ref": "$/inputs/shop"}, [{"kind": "static", "values": ["$/steps/tell/status"]}]],
)  # fmt: skip
def test_what_a_tool_has_fixed_is_what_it_was_for_the_agent(value: Any) -> None:
    """In a run of its own such a text is a text; as a part of a step it would be looked up."""
    made = crystallize(
        Told("Send it.").call(1, "tell", "http_request", {"query": {"n": "z"}}, {}, fixed=_fixed(value)).ended()
    )
    check_saved(made)
    assert filled(made, {})["tell"] == {**_fixed(value), "query": {"n": "z"}}


@pytest.mark.parametrize(("name", "value"), [("body", {"a": "$/vars/x and $/inputs/y"}), ("url", "$/inputs/shop")])
def test_what_a_step_cannot_say_of_a_tool_is_told(name: str, value: Any) -> None:
    told = Told("Send it.").call(1, "tell", "http_request", {"query": {}}, {}, fixed={name: value})
    with pytest.raises(Unwritable, match=name):
        crystallize(told.ended())


def _fixed(value: Any) -> dict[str, Any]:
    return {"method": "POST", "url": f"{API}/tell", "body": {"of": value}}


def test_a_run_that_did_nothing_cannot_be_one() -> None:
    with pytest.raises(NothingToKeep, match="without any tool"):
        crystallize(Told("Hello?").ended("Hello."))
    told = Told("Delete it.")
    told.refused.append(LeftOut(1, "delete_all", "refused: there is no tool 'delete_all'"))
    with pytest.raises(NothingToKeep, match="delete_all refused"):
        crystallize(told.ended())


def test_reading_again_what_was_changed_meanwhile_is_no_repeat() -> None:
    told = Told("Count, load, count.")
    told.query(1, "SELECT count(*) AS n FROM bronze.shop.orders", [{"n": 100_001}])
    told.call(2, "load", "dlt_extract", {}, {"recordsProcessed": 5}, fixed={"source": "sample"})
    told.query(3, "SELECT count(*) AS n FROM bronze.shop.orders", [{"n": 100_006}])
    steps = steps_of(crystallize(told.ended("From 100001 to 100006.")))
    assert list(steps) == ["query_datasets", "load", "query_datasets_2"]
    assert steps["query_datasets_2"]["depends_on"] == ["load"]
    assert steps["load"]["depends_on"] == ["query_datasets"]


def test_what_an_mcp_server_did_is_named_as_what_the_automation_lacks() -> None:
    came_to = {"text": "ok", "failed": False}
    mcp = {"connection": "crm", "tool": "notes/add"}
    told = [{"id": "a", "tool": "add_note", "arguments": {"text": "K-20031"}, "mcp": mcp, "came_to": came_to}]
    turn = Turn(1, "l/one", {}, told, [came_to], 1, 1, None, None)
    agent = AgentDefinition.model_validate({"instructions": "Help."})
    day = date(2026, 3, 17)
    alone = recorded(("analyst", agent), {"question": "Note it.", "answer": "Done."}, [turn], {}, day)
    with pytest.raises(NothingToKeep, match="add_note the MCP server crm did it"):
        crystallize(alone)
    made = crystallize(joined([chain(), alone]))
    assert made.report["lacks"] == [{"turn": 4, "tool": "add_note", "connection": "crm"}]
    assert "add_note of crm" in made.report["notes"][-1]
    assert [one["tool"] for one in made.report["leftOut"]] == ["add_note"]
    assert crystallize(chain()).report["lacks"] == []
