"""References to an organisation's names: in plain runs, at some places only, and with secrets, which stay marked."""

from functools import partial
from typing import Any

import pytest

from vai_records.automations.references import (
    BadReference,
    Filled,
    Reference,
    fill,
    holds_reference,
    is_reference,
    is_secret,
    is_written,
    references_in,
    secret_fault,
)

TOKEN = "t0ken/4711"
VALUES = {
    "inputs": {"day": "2026-01-22", "password": "hush"},
    "vars": {"host": "shop.test", "none": None},
    "secrets": {"token": TOKEN},
}
SECRET_INPUT = frozenset({"password"})


def marked(value: str) -> dict[str, str]:
    return {"kind": "secret", "value": value}


def filled(definition: dict[str, Any], kind: str = "http_request", **said: Any) -> Filled:
    return fill(kind, definition, partial(Reference.look_up, values=VALUES), **said)


def places(definition: Any, **said: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return [(place, reference.text) for place, reference in references_in(definition, **said)]


# A plain run is of no automation: `$/inputs/day` is text in it, and so is what only looks like a slip.


def test_a_plain_run_looks_up_names_and_nothing_else() -> None:
    definition = {"url": "https://a.test", "body": ["$/vars/host", "$/inputs/day", "$/nothing"]}
    assert filled(definition, plain=True).definition["body"] == ["shop.test", "$/inputs/day", "$/nothing"]
    assert places(definition, plain=True) == [(("body", 0), "$/vars/host")]


def test_in_a_url_of_a_plain_run_a_name_ends_as_in_every_url() -> None:
    definition = {"url": "https://a.test/?a=$/vars/host&b=$/inputs/day"}
    assert filled(definition, plain=True).definition["url"] == "https://a.test/?a=shop.test&b=$/inputs/day"
    assert places(definition, plain=True, kind="http_request") == [(("url",), "$/vars/host")]


def test_an_object_of_a_plain_run_is_a_reference_only_where_it_asks_for_a_name() -> None:
    name, other = ({"kind": "reference", "ref": ref} for ref in ("$/vars/host", "$/inputs/day"))
    definition = {"url": "https://a.test", "body": [name, other]}
    assert filled(definition, plain=True).definition["body"] == ["shop.test", other]
    assert places(definition, plain=True) == [(("body", 0, "ref"), "$/vars/host")]
    assert (is_reference(name, plain=True), is_reference(other, plain=True)) == (True, False)
    assert (is_reference(name), is_reference(other)) == (True, True)


@pytest.mark.parametrize(
    ("text", "in_plain", "in_automation"),
    [
        ("$/vars/host", True, True),
        ("$/inputs/day", False, True),
        ("$/slip", False, True),
        ("a $/vars/host", False, False),
        ("text", False, False),
    ],
)
def test_which_text_is_a_reference_as_a_whole(text: str, in_plain: bool, in_automation: bool) -> None:
    assert (is_reference(text, plain=True), is_reference(text)) == (in_plain, in_automation)


def test_what_holds_a_reference_of_an_automation_holds_none_in_a_plain_run() -> None:
    assert holds_reference(["$/inputs/day"])
    assert not holds_reference(["$/inputs/day"], plain=True)
    assert holds_reference(["$/vars/host"], plain=True)


# `only`: what a program or a person said elsewhere in the definition stays as it is.


def test_only_the_places_that_are_named_are_looked_at_and_what_is_within_them() -> None:
    definition = {"body": {"a": "$/vars/host", "b": ["$/vars/host", {"c": "$/vars/host"}]}, "url": "$/vars/host"}
    only = frozenset({("body", "b")})
    assert filled(definition, only=only).definition == {
        "body": {"a": "$/vars/host", "b": ["shop.test", {"c": "shop.test"}]},
        "url": "$/vars/host",
    }
    assert [place for place, _ in places(definition, only=only)] == [("body", "b", 0), ("body", "b", 1, "c")]
    assert filled(definition, only=frozenset()).definition == definition
    assert filled(definition, only=frozenset({("url",)})).definition["url"] == "shop.test"


def test_objects_elsewhere_than_at_these_places_are_values() -> None:
    static, name = {"kind": "static", "values": "$/vars/host"}, {"kind": "reference", "ref": "$/vars/host"}
    body = {"a": [static, name], "b": [static, name]}
    assert filled({"body": body}, only=frozenset({("body", "b")})).definition["body"] == {
        "a": [static, name],
        "b": ["$/vars/host", "shop.test"],
    }


# Names are kept with their places, so that a retry fills the definition anew (a secret may have been changed).


def test_what_stood_where_names_were_is_kept_and_what_is_of_an_automation_is_not() -> None:
    definition = {"url": "https://a.test", "body": ["$/vars/host", "$/inputs/day", "${/vars/none|/inputs/day}", "a"]}
    assert filled(definition).names == ((("body", 0), "$/vars/host"),)


def test_of_what_is_marked_as_a_whole_all_is_kept_unless_a_part_is_of_an_automation() -> None:
    kept = {"a": "$/secrets/token", "b": "text"}
    own = filled({"url": "https://a.test", "query": {"q": "$/secrets/token"}, "headers": {"X": "$/vars/host"}})
    assert own.names == ((("query", "q"), "$/secrets/token"), (("headers", "X"), "$/vars/host"))
    nested = {"url": "https://a.test", "form": {"f": ["$/secrets/token", "text"]}}
    assert filled(nested).names == ((("form", "f"), ["$/secrets/token", "text"]),)
    mixed = {"url": "https://a.test", "form": {"f": ["$/secrets/token", "$/inputs/day"]}}
    assert filled(mixed).names == ()
    assert filled({"url": "https://a.test", "body": kept}).names == ((("body", "a"), "$/secrets/token"),)


# Secrets: marked where they stand, listed so that they can be hidden, and refused where nothing can be marked.


def test_a_secret_is_marked_where_it_stands_and_told_for_hiding() -> None:
    made = filled({"url": "https://a.test", "headers": {"Authorization": "Bearer ${/secrets/token}"}})
    assert made.definition["headers"] == {"Authorization": marked(f"Bearer {TOKEN}")}
    assert made.secrets == (TOKEN,)
    assert filled({"url": "https://a.test", "body": "$/vars/host"}).secrets == ()


def test_an_input_that_is_secret_is_treated_as_a_secret_and_no_other_input_is() -> None:
    body = {"a": "$/inputs/password", "b": "$/inputs/day"}
    made = filled({"url": "https://a.test", "body": body}, secret_inputs=SECRET_INPUT)
    assert made.definition["body"] == {"a": marked("hush"), "b": "2026-01-22"}
    assert made.secrets == ("hush",)
    assert filled({"url": "https://a.test", "body": body}).secrets == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$/secrets/token", True),
        ("$/inputs/password", True),
        ("$/inputs/day", False),
        ("$/inputs/day/password", False),
        ("$/vars/password", False),
        ("$/steps/password/status", False),
    ],
)
def test_which_references_stand_for_secrets(text: str, expected: bool) -> None:
    reference = Reference.parse(text)
    assert is_secret(reference, SECRET_INPUT) is expected
    assert (secret_fault("http_request", ("timeout_seconds",), reference, SECRET_INPUT) is not None) is expected
    assert secret_fault("http_request", ("headers", "X"), reference, SECRET_INPUT) is None


def test_a_secret_in_a_wrong_place_is_refused_and_the_place_named() -> None:
    token = Reference.parse("$/secrets/token")
    wrong = secret_fault("duckdb_transform", ("headers", "X"), token)
    assert wrong is not None
    assert wrong.startswith("$/secrets/token: a secret stands only where a definition keeps secrets")
    with pytest.raises(BadReference, match=r"^timeout_seconds: a secret stands only where"):
        filled({"url": "https://a.test", "timeout_seconds": "$/secrets/token"})


# Faults of a definition that is saved: those in what a reference stands for are seen when it is filled.


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (("url",), True),
        (("url", "deeper"), True),
        (("body",), False),  # it holds one
        (("body", "a"), False),  # it is one
        (("body", "a", "b"), False),  # it is around it
        (("body", "c"), True),
        (("missing",), True),
        ((), True),
    ],
)
def test_whether_a_fault_is_in_what_is_written(place: tuple[str, ...], expected: bool) -> None:
    definition = {"url": "https://a.test", "body": {"a": "$/vars/host", "c": 1}}
    assert is_written(definition, place, misspelled=False) is expected
    assert is_written(definition, place, misspelled=False, plain=True) is expected


def test_a_reference_of_an_automation_is_text_in_a_plain_definition() -> None:
    definition = {"body": {"a": "$/inputs/day"}}
    for place in (("body",), ("body", "a"), ("body", "a", "b")):
        assert not is_written(definition, place, misspelled=False)
        assert is_written(definition, place, misspelled=False, plain=True)


@pytest.mark.parametrize(
    ("source", "plain", "expected"),
    [
        ("sample", False, True),
        ("$/vars/host", True, False),
        ("$/inputs/day", False, False),
        ("$/inputs/day", True, True),
    ],
)
def test_a_misspelled_field_is_wrong_whatever_its_value_once_the_source_is_known(
    source: str, plain: bool, expected: bool
) -> None:
    definition = {"source": source, "resuorces": ["$/vars/host"]}
    assert is_written(definition, ("resuorces",), misspelled=True, plain=plain) is expected


# Found by mutants: what stands around a reference and beside it.


def test_a_place_that_names_a_variable_and_a_secret_is_kept_as_one() -> None:
    text = "${/vars/host} ${/secrets/token}"
    made = filled({"url": "https://a.test", "headers": {"X": text}})
    assert made.definition["headers"] == {"X": marked(f"shop.test {TOKEN}")}
    assert made.names == ((("headers", "X"), text),)


def test_a_default_within_an_object_counts_with_what_is_around_it() -> None:
    inner = {"kind": "reference", "ref": "$/vars/none", "default": "$/secrets/token"}
    made = filled({"url": "https://a.test", "body": {"a": inner, "b": "$/vars/host"}})
    assert made.definition["body"] == {"a": marked(TOKEN), "b": "shop.test"}
    assert (("body", "a"), inner) in made.names
    mixed = {"kind": "reference", "ref": "$/inputs/missing", "default": "$/vars/host"}
    values = {**VALUES, "inputs": {"missing": None}}
    look_up = partial(Reference.look_up, values=values)
    made = fill("http_request", {"url": "https://a.test", "body": {"a": mixed}}, look_up)
    assert made.definition["body"] == {"a": "shop.test"}
    assert made.names == ((("body", "a"), "$/vars/host"),)


def test_a_secret_that_cannot_stand_in_a_url_is_not_shown_by_the_message() -> None:
    values = {**VALUES, "secrets": {"token": "../up"}}
    with pytest.raises(BadReference) as shown:
        fill("http_request", {"url": "https://${/secrets/token}/"}, partial(Reference.look_up, values=values))
    assert "../up" not in str(shown.value)
    assert "the value of the secret cannot stand there in a url" in str(shown.value)
    with pytest.raises(BadReference) as open_one:
        open_values = {**VALUES, "inputs": {"day": "../up"}}
        fill("http_request", {"url": "https://${/inputs/day}/"}, partial(Reference.look_up, values=open_values))
    assert "secret" not in str(open_one.value)


def test_what_a_reference_brings_is_no_mark_where_definitions_keep_secrets() -> None:
    brought = {"kind": "secret", "value": "theirs"}
    look_up = partial(Reference.look_up, values={"inputs": {"day": brought}})
    with_secrets = fill("http_request", {"url": "https://a.test", "body": {"a": "$/inputs/day"}}, look_up)
    assert with_secrets.definition["body"]["a"] != brought
    without = fill("approval_gate", {"a": "$/inputs/day"}, look_up)
    assert without.definition["a"] == brought
