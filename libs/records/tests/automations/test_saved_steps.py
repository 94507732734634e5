"""From what somebody wrote to what is stored: one form, and write-only values apart (decisions 35 to 37)."""

import pytest

from libs.records.tests.automations.saving import ACTIONS, BRANCH, NOOP, SAVED, Json, faults, http, save, saved
from vai_records.automations.body import AutomationBody
from vai_records.automations.saved_steps import action_references, with_name
from vai_records.refused import Refused

# One form is stored ---------------------------------------------------------------------------------------------------


def test_a_step_is_stored_in_one_form() -> None:
    long = {"key": "b", "name": "B", "action": NOOP, "dependsOn": [{"step": "a"}], "condition": {"type": "always"}}
    short = {"key": "b", "name": "B", **NOOP, "depends_on": ["a"], "condition": "always"}
    one, two = saved({"key": "a", **NOOP}, long), saved({"key": "a", **NOOP}, short)
    assert one == two
    assert one[1] == {
        "key": "b",
        "name": "B",
        "kind": "dlt_extract",
        "action_id": None,
        "definition": {"source": "noop"},
        "depends_on": [{"step": "a", "ports": None}],
        "condition": "always",
    }


def test_actions_without_dependencies_are_a_sequence_and_steps_are_not() -> None:
    three = [NOOP, NOOP, NOOP]
    sequence = [[d["step"] for d in one["depends_on"]] for one in save({"actions": three})[0]]
    assert sequence == [[], ["dlt_extract"], ["dlt_extract_2"]]
    assert [one["depends_on"] for one in saved(*three)] == [[], [], []]


def test_actions_with_a_dependency_are_a_dag() -> None:
    found = save({"actions": [{"key": "a", **NOOP}, NOOP, {**NOOP, "dependsOn": ["a"]}]})[0]
    assert [[d["step"] for d in one["depends_on"]] for one in found] == [[], [], ["a"]]


def test_missing_keys_are_made_of_the_kind_and_take_nobodys() -> None:
    ping: Json = {"action_id": "ping"}
    steps: list[Json] = [NOOP, {"kind": "notify"}, NOOP, {"key": "dlt_extract_2", **NOOP}, ping, ping]
    keys = ["dlt_extract", "http_request", "dlt_extract_3", "dlt_extract_2", "step", "step_2"]
    assert [one["key"] for one in saved(*steps)] == keys


def test_several_ports_of_one_source_are_one_dependency() -> None:
    ports = [{"step": "if", "port": "true"}, {"step": "if", "port": "false"}, "other", {"step": "other"}]
    found = saved({"key": "if", **BRANCH}, {"key": "other", **NOOP}, {"key": "x", **NOOP, "depends_on": ports})
    assert found[2]["depends_on"] == [{"step": "if", "ports": ["false", "true"]}, {"step": "other", "ports": None}]
    found = saved({"key": "if", **BRANCH}, {"key": "x", **NOOP, "depends_on": [*ports[:2], "if"]})
    assert found[1]["depends_on"] == [{"step": "if", "ports": None}]


@pytest.mark.parametrize(
    ("kind", "definition", "expected"),
    [
        ("transform", {"kind": "transform", "sql": "SELECT 1"}, ("duckdb_transform", {"sql": "SELECT 1"})),
        ("duckdb", {"kind": "duckdb_transform"}, ("duckdb_transform", {})),
        ("notify", {"url": "https://x.test"}, ("http_request", {"url": "https://x.test"})),
        ("webhook", {"kind": "http_request"}, ("http_request", {})),
        ("export", {"path": "/x"}, ("file_sync", {"direction": "push", "path": "/x"})),
        ("export", {"kind": "export"}, ("file_sync", {"direction": "push"})),
    ],
)
def test_other_words_for_kinds_are_their_kinds(kind: str, definition: Json, expected: tuple[str, Json]) -> None:
    (found,) = saved({"kind": kind, "definition": definition})
    rest = {key: value for key, value in found["definition"].items() if key != "kind"}
    assert (found["kind"], rest) == expected
    assert found["definition"].get("kind", found["kind"]) == found["kind"]


@pytest.mark.parametrize(
    ("kind", "said"), [("transform", "notify"), ("http_request", "web_search"), ("web_search", "http_request")]
)
def test_a_definition_says_no_other_kind_than_its_step(kind: str, said: str) -> None:
    (fault,) = faults({"kind": kind, "definition": {"kind": said}})
    assert fault.startswith("body.steps.0.definition.kind: must be")


def test_a_transform_without_a_name_is_called_like_its_step() -> None:
    (found,) = saved({"key": "daily", "kind": "duckdb", "definition": {"sql": "SELECT 1"}})
    assert found["definition"] == {"sql": "SELECT 1"}
    assert with_name("daily", found["kind"], found["definition"]) == {"transform_name": "daily", "sql": "SELECT 1"}
    named = {"transform_name": "mine", "sql": "SELECT 1"}
    assert with_name("daily", "duckdb_transform", named) == named


# Saved actions and secrets --------------------------------------------------------------------------------------------


def test_a_saved_action_is_named_by_id_or_slug_and_stored_by_id() -> None:
    body = AutomationBody.model_validate({"name": "A", "steps": [{"action_id": "ping"}, {"action": {"actionId": "x"}}]})
    assert action_references(body.steps or []) == {"ping", "x"}
    for name in ACTIONS:
        (found,) = saved({"action_id": name, "definition_overrides": {"method": "POST"}})
        assert (found["kind"], found["action_id"]) == ("http_request", str(SAVED.id))
        assert found["definition"] == {"method": "POST"}


def test_write_only_values_are_kept_apart_and_may_be_kept() -> None:
    step = http(key="call")
    step["definition"]["headers"] = {"Authorization": "Bearer abc", "Accept": "text/plain"}
    (shown,), secrets = save({"steps": [step]})
    assert shown["definition"]["headers"] == {"Authorization": {"secret": True}, "Accept": "text/plain"}
    assert secrets["call"]["values"] == {"headers": {"Authorization": "Bearer abc"}}
    again = {"key": "call", "kind": "http_request", "definition": shown["definition"]}
    assert save({"steps": [again]}, kept=secrets) == ([shown], secrets)
    with pytest.raises(Refused, match="no value is kept"):
        save({"steps": [{**again, "key": "other"}]}, kept=secrets)
    again["definition"] = {**shown["definition"], "url": "https://elsewhere.test"}
    with pytest.raises(Refused, match="another host"):
        save({"steps": [again]}, kept=secrets)


def test_so_are_those_in_the_overrides_of_a_saved_action() -> None:
    overrides = {"headers": {"X-Api-Key": "abc"}}
    (shown,), secrets = save({"steps": [{"key": "call", "action_id": "ping", "definition_overrides": overrides}]})
    assert shown["definition"] == {"headers": {"X-Api-Key": {"secret": True}}}
    assert secrets["call"]["values"] == {"headers": {"X-Api-Key": "abc"}}
    again = {"key": "call", "action_id": "ping", "definition_overrides": shown["definition"]}
    assert save({"steps": [again]}, kept=secrets) == ([shown], secrets)
