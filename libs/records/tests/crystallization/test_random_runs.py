"""Random runs whose values are equal more often than in life: no call changes, and no step refers to a later one."""

import json
import re
from typing import Any
from urllib.parse import quote, unquote_plus

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.records.tests.crystallization.recordings import Told, check_saved, filled, given_of, results_of, steps_of
from libs.records.tests.crystallization.test_strange_runs import days_of
from vai_records.automations.references import references_in
from vai_records.crystallization.automation import NothingToKeep, crystallize
from vai_records.crystallization.recording import Recording
from vai_records.definitions.sql_text import Kind, Piece, pieces

Json = dict[str, Any]

HOSTILE = ("${/inputs/x}", "$/steps/http_request/result/body/id", "see $/inputs/x", "${steps/y", "$/", "${", "$/x y")
TEXTS = ("Konya", "konya", "a/b", "it's", "ORD-8841", "2026-03-17", "2026-03-16", "2026-03-09", "2026-03", "20260317",
         "71", "8841", "7.5", "-5", "10234.125", "x y", "größe", "100%", "%Konya%", "true", "", "?", "a\\", "''", "a+b",
         "https://x.example.com/a?b=ORD-8841", "ORD-8841 and Konya: 8841", "2026-03-17T10:00:00Z", "$", "{x}",
         "00071")  # fmt: skip
NUMBERS = (0, 1, 7, 71, 8841, 100_001, 2**53 + 1, -5, 7.5, 10234.125, 1e22)
NAMES = (
    "id",
    "customer_id",
    "customerId",
    "city",
    "day",
    "a/b",
    "it's",
    "${/inputs/x}",
    'say "x"',
    "",
    "kind",
    "values",
)

words = st.sampled_from(TEXTS)
leaf = st.one_of(st.sampled_from((*TEXTS, *NUMBERS, *HOSTILE)), st.sampled_from((True, False, None)))
tree = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
literal = st.one_of(
    words.map(lambda word: "'" + word.replace("'", "''") + "'"),
    words.filter(lambda word: "$" not in word).map(lambda word: f"$x${word}$x$"),
    words.map(lambda word: "E'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    st.sampled_from([str(number) for number in NUMBERS if number >= 0]),
)
condition = st.tuples(
    st.sampled_from(("id", "customer_id", '"city"', "day")), st.sampled_from((" = ", " > ", " IN (1, ")), literal
)
sql = st.lists(condition.map(lambda part: "".join(part) + (")" if "IN" in part[1] else "")), max_size=3).map(
    lambda parts: "SELECT 1 -- it's 71\nWHERE " + " AND /* 'Konya' */ ".join(parts)
)
segment = st.one_of(words, st.sampled_from(HOSTILE), st.sampled_from(NUMBERS).map(str)).filter(bool)
query = st.lists(st.tuples(st.sampled_from(NAMES[:5]), segment), max_size=2)
url = st.tuples(st.lists(segment, max_size=3), query).map(
    lambda parts: "https://api.example.com/" + "/".join(quote(one, safe=":,") for one in parts[0])
    + "?" + "&".join(f"{name}={quote(one, safe='')}" for name, one in parts[1])
)  # fmt: skip
call = st.one_of(
    st.tuples(st.just("http_request"), st.fixed_dictionaries({"method": st.just("POST"), "url": url, "body": tree})),
    st.tuples(st.just("http_request"), st.fixed_dictionaries({"method": st.just("GET"), "url": url})),
    st.tuples(st.just("generate_query"), st.fixed_dictionaries({"sql": sql})),
    st.tuples(
        st.just("web_search"), st.fixed_dictionaries({"query": leaf.filter(lambda one: isinstance(one, str) and one)})
    ),
)
asked = st.tuples(st.lists(leaf, max_size=4).map(lambda said: " ".join(map(str, said))),
                  st.dictionaries(st.sampled_from(NAMES[:9]), tree, max_size=3))  # fmt: skip
calls = st.lists(st.tuples(call, tree, st.booleans()), min_size=2, max_size=6)


def recording_of(question: str, inputs: Json, made: list[Any]) -> Recording:
    told, turn = Told(question, inputs), 1
    for (kind, arguments), result, is_next in made:
        turn += is_next
        told.call(turn, kind, kind, arguments, {"body": result})
    return told.ended()


def as_meant(arguments: Json) -> Json:
    """Without what means the same: how a URL is encoded, and how a value stands in SQL."""
    made = dict(arguments)
    if isinstance(made.get("url"), str):
        made["url"] = [unquote_plus(part) for part in re.split(r"[/?&=]", made["url"])]
    if isinstance(made.get("sql"), str):
        made["sql"] = "".join(map(said, pieces(made["sql"]))).replace("::DOUBLE", "")
    return made


def said(piece: Piece) -> str:
    if piece.kind is Kind.CODE:
        return re.sub(r"[0-9]+(?:\.[0-9]+)?(?:e\+[0-9]+)?", lambda number: f"<{number[0]}>", piece.text)
    if piece.kind is Kind.LITERAL:
        return "<" + piece.text[1:-1].replace("''", "'") + ">"
    if piece.kind is Kind.ESCAPED:
        return "<" + piece.text[2:-1].replace("''", "'").replace("\\'", "'").replace("\\\\", "\\") + ">"
    return f"<{piece.text[3:-3]}>" if piece.kind is Kind.OTHER_TEXT else piece.text


@settings(max_examples=60)
@given(asked, calls)
def test_the_same_results_give_the_same_calls(of: tuple[str, Json], made_calls: list[Any]) -> None:
    recording = recording_of(*of, made_calls)
    try:
        made = crystallize(recording)
    except NothingToKeep:
        return
    check_saved(made)
    run = filled(made, results_of(made, recording), days_of(made))
    for key, arguments in given_of(made, recording).items():
        same = as_meant({name: run[key][name] for name in arguments})
        assert json.dumps(same) == json.dumps(as_meant(arguments)), (key, steps_of(made)[key])


@settings(max_examples=60)
@given(asked, calls)
def test_a_step_refers_to_what_it_waits_for_and_to_earlier_turns(of: tuple[str, Json], made_calls: list[Any]) -> None:
    made = crystallize(recording_of(*of, made_calls))
    turns = {step["key"]: step["turn"] for step in made.report["steps"]}
    for key, step in steps_of(made).items():
        action = step["action"]
        found = {one.step for _, one in references_in(action["definition"], kind=action["kind"]) if one.step}
        assert found <= set(step.get("depends_on", []))
        assert all(turns[one] < turns[key] for one in found)
