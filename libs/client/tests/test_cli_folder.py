"""Files of `vai apply`: what is read, what is refused, and what counts as a difference."""

import io
import os
from pathlib import Path
from typing import Any

import pytest

from vai.cli.folder.defaults import Defaults
from vai.cli.folder.documents import KEPT, Unreadable, filled, read_folder
from vai.cli.folder.plan import differences
from vai.cli.folder.sorts import SORTS, There, fields_of
from vai.cli.folder.writing import text_of

TYPES = {name: fields_of(name) for name in SORTS}
ENV = {"from_env": "TOKEN"}


class Description:
    """Stands for a client: answers with the platform's description."""

    def send(self, _call: Any) -> Any:
        overlap = {"properties": {"overlap": {"default": "skip"}, "approval": {"default": False}}}
        return {"components": {"schemas": {"Trigger": overlap, "Count": {"properties": {"steps": {"default": 20}}}}}}


DEFAULTS = Defaults(Description())  # type: ignore[arg-type]


def read(folder: Path, text: str, name: str = "a.yaml") -> Any:
    (folder / name).write_text(text, encoding="utf-8")
    return read_folder([folder], TYPES)


def test_every_document_of_every_file_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text("no: document")
    (tmp_path / "notes.txt").write_text("no document")
    (tmp_path / "deep" / "z.json").write_text('{"type": "agent", "slug": "z", "instructions": "i"}')
    found = read(tmp_path, "type: action\nslug: b\nkind: x\n---\n---\ntype: connection\nslug: b\n")
    assert [(each.type, each.slug) for each in found] == [("action", "b"), ("connection", "b"), ("agent", "z")]


def test_dates_and_times_stay_text(tmp_path: Path) -> None:
    [found] = read(
        tmp_path, "type: action\nslug: a\ndefinition: {since: 2026-01-01, at: 2026-01-01T00:00:00Z, n: 010}\n"
    )
    assert found.body["definition"]["since"] == "2026-01-01"
    assert found.body["definition"]["at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "an object with `type` and `slug`"),
        ("type: thing\nslug: a", "type is 'thing'; it must be one of variable, secret, connection"),
        ("slug: a", "type is None"),
        ("type: action", "slug is None"),
        ("type: action\nslug: 12", "slug is 12"),
        ("type: action\nslug: A b", "slug is 'A b'"),
        ("type: action\nslug: a\nnope: 1\nid: 2", "id, nope: no field of actions"),
        ("type: action\nslug: a\nslug: b", "slug is there twice"),
        ("type: action\nslug: a\ndefinition: {x: 1, x: 2}", "x is there twice"),
        ("type: action\nslug: a\ndefinition: {1: 2}", 'write "1" in quotes'),
        ("type: action\nslug: a\nlabels: {on: x}", 'write "on" in quotes'),
        ("type: action\nslug: a\nlabels: &x {a: b}\ndefinition: *x", "aliases are not read"),
        ("type: action\nslug: a\n---\ntype: action\nslug: a", "the action a is in"),
        ("type: action\nslug: a\ndefinition: {t: {from_env: }}", "definition.t: from_env needs the name"),
        ("type: connection\nslug: a\ncredentials: {token: plain}", "a secret does not belong in a file"),
        (
            "type: connection\nslug: a\ncredentials: {user: {from_env: U}, password: p}",
            "credentials.password: a secret",
        ),
        ("type: connection\nslug: a\ncredentials: {headers: {x: p}}", "credentials.headers.x: a secret"),
        ("type: secret\nslug: a\nvalue: plain", "a secret does not belong in a file"),
        ("type: secret\nslug: a", "value: it is missing"),
        ("type: variable\nslug: a b\nvalue: 1", "slug is 'a b'; of a variable it is its name"),
        ("type: action\nslug: a\ndefinition: {x: [.nan]}", "definition.x.0: nan is no number"),
        ("type: action\nslug: a\ndefinition: {? [a] : 1}", "in quotes"),
        ("type: [", "expected the node content"),
        ("type: [action]\nslug: a", "type is ['action']; it must be one of"),
        ("type: variable\nslug: a\nvalue: !!binary aGk=", "JSON has no such value"),
        ("type: variable\nslug: a\nvalue: !!set {a, b}", "JSON has no such value"),
        ("type: variable\nslug: a\nvalue: [!!omap [a: 1]]", "JSON has no such value"),
        ('type: variable\nslug: a\nvalue: "\\uD800"', "half of a letter"),
        ("!!python/object:os.system x", "could not determine a constructor"),
        ("[" * 5_000, "a.yaml"),
        ('{"a": "\udcff"}'.encode("utf-8", "surrogateescape").decode("latin-1"), "a.yaml"),
    ],
)
def test_what_is_wrong_is_said_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read(tmp_path, text)
    assert str(tmp_path / "a.yaml") in raised.value.message
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("written", "value"),
    [("12:30", "12:30"), ("00501", "00501"), ("0777", "0777"), ("1_000", "1_000"), ("2026-01-01", "2026-01-01"),
     ("0b11", "0b11"), ("0", 0), ("-7", -7), ("+7", 7), ("1.5", 1.5), ("1e3", "1e3"), (".5", 0.5),
     ("-0.25e-2", -0.0025), ("1.0e+16", 1e16),
     ("0x1F", 31), ("1.2.3", "1.2.3"), ("on-call", "on-call"), ("1e", "1e")],
)  # fmt: skip
def test_a_value_is_a_number_only_if_json_has_it(tmp_path: Path, written: str, value: Any) -> None:
    """YAML 1.1 reads a time as seconds of another base, and a postal code as an octal number."""
    (document,) = read(tmp_path, f"type: variable\nslug: a\nvalue: {written}\n")
    assert (document.body["value"], type(document.body["value"])) == (value, type(value))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_told_and_waited_for_by_nobody(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "b.yaml")
    with pytest.raises(Unreadable, match="it is no file"):
        read(tmp_path, "type: action\nslug: a\n")


def test_files_come_from_the_standard_input_too(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\xef\xbb\xbftype: action\r\nslug: a\r\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert [each.slug for each in read_folder([Path("-")], TYPES)] == ["a"]


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_nothing_is_nested_too_deeply_to_be_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match="nested too deeply"):
        read(tmp_path, '{"type": ' + "[" * 100_000, name)


def test_all_faults_are_told_at_once_and_an_empty_folder_is_one(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no file whose name ends with"):
        read_folder([tmp_path], TYPES)
    (tmp_path / "b.json").write_text('{"type": "action", "slug": "b", "definition": {"x": 1e400}}')
    with pytest.raises(Unreadable) as raised:
        read(tmp_path, "type: x\nslug: y\n")
    assert "a.yaml: type" in raised.value.message
    (tmp_path / "c.json").write_text('{"type": "action", "slug": "b", "definition": {"x": 1, "x": 2}}')
    with pytest.raises(Unreadable, match="x is there twice"):
        read_folder([tmp_path / "c.json"], TYPES)
    assert "b.json: 1e400" in raised.value.message


@pytest.mark.parametrize(
    ("wanted", "there", "places"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": True}, {"a": 1}, ["x.a"]),
        ({}, {"a": None, "b": [], "c": {}}, []),
        ({"a": 1}, {"a": 1, "overlap": "skip", "approval": False, "steps": 20}, []),
        ({"a": 1}, {"a": 1, "overlap": "queue"}, ["x.overlap"]),
        ({"overlap": "queue"}, {"overlap": "skip"}, ["x.overlap"]),
        ({"key": "k"}, {"key": "k", "condition": {"type": "on_success"}}, []),
        (["orders"], [{"name": "orders"}], []),
        (["orders"], [{"name": "orders", "rows": 3}], ["x[0]"]),
        (["a", "b"], ["b", "a"], ["x[0]", "x[1]"]),
        (["a"], ["a", "b"], ["x"]),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, ["x.a.b[1].c"]),
        ({"t": ENV}, {"t": KEPT}, []),
        ({"t": KEPT}, {"t": KEPT}, []),
        ({"t": "plain"}, {"t": KEPT}, ["x.t"]),
        ({"t": ENV}, {"t": "known"}, []),
        ({"t": ENV}, {"t": "another"}, ["x.t"]),
        ({"t": ENV, "u": 1}, KEPT, []),
        (1, None, ["x"]),
    ],
)
def test_only_what_means_something_else_is_a_difference(
    wanted: Any, there: Any, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TOKEN", "known")
    assert list(differences(wanted, there, "x", DEFAULTS)) == places


def test_secrets_come_from_the_environment_at_any_depth() -> None:
    assert filled({"a": [ENV, {"b": ENV}], "c": 1}, {"TOKEN": "t"}) == {"a": ["t", {"b": "t"}], "c": 1}


def test_what_is_written_is_read_as_the_same_again(tmp_path: Path) -> None:
    body = {
        "name": "N: 'x'",
        "kind": "k",
        "definition": {"sql": "a\nb\n", "overlap": "skip", "n": "010", "d": "2026-01-01"},
    }
    text = text_of(SORTS["action"], There("1", "s", body | {"status": "active", "labels": {}}), DEFAULTS)
    assert "sql: |" in text
    [found] = read(tmp_path, text)
    assert (found.slug, found.body) == ("s", body)


@pytest.mark.parametrize("value", ["", 0, False, [], {}, {"a": None, "condition": {"type": "on_success"}}])
def test_a_variable_is_written_and_read_as_it_is(tmp_path: Path, value: Any) -> None:
    text = text_of(SORTS["variable"], There("Shop_url", "Shop_url", {"value": value}), DEFAULTS)
    [found] = read(tmp_path, text)
    assert (found.slug, found.body) == ("Shop_url", {"value": value})
