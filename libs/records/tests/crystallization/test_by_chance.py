"""What equals a result by chance stays as it is; and what other data would need otherwise is said."""

from typing import Any

import pytest

from libs.records.tests.crystallization.recordings import Told, check_saved, steps_of
from vai_records.crystallization.automation import Crystallized, crystallize
from vai_records.crystallization.origins import is_telling, says_something

API = "https://api.example.com"
BY_CHANCE: list[tuple[str, str, Any]] = [
    ("credit_limit", "max_tokens", 1_000_000),
    ("population", "timeout_ms", 250_000),
    ("size", "chunk_bytes", 1_048_576),
    ("size", "bytes", 10_485_760),
    ("week", "lifetime", 604_800),
    ("duration", "keep_for_ms", 86_400_000),
    ("number", "cap", 999_999),
    ("share", "ratio", 0.33333),
    ("code", "pin", 123_456),
    ("priority", "severity", "high"),
    ("state", "mode", "active"),
    ("kind", "channel", "Email"),
    ("state", "action", "close"),
    ("account_id", "max_tokens", 1_000_000),
]
FROM_THERE: list[tuple[str, str, Any]] = [
    ("recordsProcessed", "rows", 100_000),
    ("total", "amount", 250_000),
    ("max_tokens", "max_tokens", 1_000_000),
    ("id", "customer", 8_841_207),
    ("id", "customer", 777_777),
    ("order_id", "about", 604_800),
    ("orderId", "about", 65_536 * 9),
    ("state", "state", "active"),
    ("category", "about", "garden"),
    ("share", "ratio", 0.12345),
]


def handed_on(there: str, here: str, value: Any) -> Crystallized:
    told = Told("Do what is to be done.").get(1, f"{API}/a", {there: value})
    made = crystallize(told.post(2, f"{API}/b", {here: value}).ended(f"It was {value}."))
    check_saved(made)
    return made


@pytest.mark.parametrize(("there", "here", "value"), BY_CHANCE)
def test_what_two_things_often_have_both_is_no_reference_under_another_name(there: str, here: str, value: Any) -> None:
    made = handed_on(there, here, value)
    body = made.automation["steps"][-1]["action"]["definition"]["body"]
    assert body == {here: value}
    assert [one["place"] for one in made.report["unsure"]] == [f"body.{here}"]
    assert not any("no result and no question" in note for note in made.report["notes"])


@pytest.mark.parametrize(("there", "here", "value"), FROM_THERE)
def test_what_is_hardly_by_chance_or_has_the_same_name_is_one(there: str, here: str, value: Any) -> None:
    body = steps_of(handed_on(there, here, value))["http_request_2"]["action"]["definition"]["body"]
    assert body == {here: f"$/steps/http_request/result/body/{there}"}


def test_a_usual_word_within_a_sentence_is_the_models_own_and_one_of_the_answer_is_not() -> None:
    told = Told("Tell them.").get(1, f"{API}/a", {"state": "open"}).get(1, f"{API}/c", {"owner": "Ann Lee"})
    text = "Please open the mail"
    made = crystallize(told.post(2, f"{API}/b", {"text": text}).ended("Ann Lee was told, it is open."))
    assert steps_of(made)["http_request_3"]["action"]["definition"]["body"] == {"text": text}
    assert made.report["leftOut"] == []


@pytest.mark.parametrize("number", [7, 99, 1_000, 65_536 * 9, 3_600_000, 111_111_111])
def test_numbers_that_say_nothing(number: int) -> None:
    assert not is_telling(number)
    assert not says_something(number) or number > 99


def notes_of(told: Told, answer: str = "Done.") -> list[str]:
    return list(crystallize(told.ended(answer)).report["notes"])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"ids": ["K-2001", "K-2002", "K-2003"]}, "body.ids"),
        ({"lines": [{"of": "K-2001"}, {"of": "K-2002"}, {"of": "K-2003"}]}, "body.lines.of"),
        ({"text": "K-2001, K-2002 and K-2003"}, "body.text"),
    ],
)
def test_a_list_that_was_written_out_is_told(body: Any, place: str) -> None:
    rows = [{"id": f"K-200{number}"} for number in (1, 2, 3)]
    told = Told("Put them away.").query(1, "SELECT id FROM silver.orders", rows).post(2, f"{API}/b", body)
    assert f"{place} of http_request names 3 values of one list: where it is longer, the others are missing." in (
        notes_of(told)
    )


def test_a_list_of_sql_is_told_and_one_that_is_handed_on_whole_is_not() -> None:
    ids = [{"id": "K-2001"}, {"id": "K-2002"}]
    told = Told("Count.").get(1, f"{API}/a", {"rows": ids})
    told.query(2, "SELECT count(*) AS n FROM silver.orders WHERE id IN ('K-2001', 'K-2002')", [{"n": 533}])
    assert any("sql.id of query_datasets names 2 values of one list" in note for note in notes_of(told, "533"))
    told = Told("Count.").get(1, f"{API}/a", {"rows": ids}).post(2, f"{API}/b", {"rows": ids})
    assert not any("of one list" in note for note in notes_of(told))


def test_waiting_for_another_answer_is_told_and_looking_again_after_a_change_is_not() -> None:
    told = Told("Wait for the job J-7001.")
    for turn, state in enumerate(("queued", "queued", "done"), 1):
        told.get(turn, f"{API}/jobs/J-7001", {"state": state})
    told.post(4, f"{API}/b", {"job": "J-7001"})
    waited = "http_request was asked the same 3 times until it answered something else; no step waits for that."
    assert waited in notes_of(told)
    told = Told("Turn it on.").get(1, f"{API}/lamps/1", {"is_on": False}).post(2, f"{API}/lamps/1", {"is_on": True})
    told.get(3, f"{API}/lamps/1", {"is_on": True})
    assert not any("until it answered" in note for note in notes_of(told))


def test_what_the_model_worked_out_is_told() -> None:
    told = Told("Book it at once, 12.5 percent less.")
    told.query(1, "SELECT sum(amount) AS t FROM silver.orders", [{"t": 18234.75}])
    told.post(2, f"{API}/b", {"eur": 15955.41, "less": 12.5, "level": 2, "page": 100})
    notes = [note for note in notes_of(told) if "no result" in note]
    assert notes == ["body.eur of http_request in turn 2 is always 15955.41: no result and no question has it."]
    alone = Told("Book it.").post(1, f"{API}/b", {"eur": 15955.41})
    assert not any("no result" in note for note in notes_of(alone))
