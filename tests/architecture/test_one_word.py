"""One word for one thing: lifecycle, events, kinds, services and the texts about them use the same words."""

import re
from enum import StrEnum

import pytest

from tests.architecture.workspace import ROOT, SERVICES
from vai_contracts.topics import EVENTS, owner_of
from vai_records.definitions.kinds import KINDS
from vai_records.lifecycle.moves import EDGES, SLICES, Control, Owner, Phase, Status

README = (ROOT / "README.md").read_text()
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
TERMS = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY, re.MULTILINE)

# An event is named after the status that its transition leads to, except that `running` is told as `started`.
TOLD_AS = {Status.RUNNING: "started"}


def _service_rows() -> dict[str, set[str]]:
    """README's service table: service → its kinds."""
    table = README[README.index("| Service |") :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[-1])) for row in rows}


def test_the_readmes_table_names_the_services_that_there_are() -> None:
    assert set(_service_rows()) == {service.name for service in SERVICES} == set(SLICES)


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_the_readmes_table_names_the_kinds_of_each_service(service: str) -> None:
    assert _service_rows()[service] == {kind.name for kind in KINDS.values() if kind.service == service}


@pytest.mark.parametrize("text", ["README.md", "CONTRIBUTING.md"])
def test_a_command_that_a_text_shows_is_there(text: str) -> None:
    shown = set(re.findall(r"\bmake ([a-z][a-z-]*)\b", _code((ROOT / text).read_text())))
    assert shown <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def _code(text: str) -> str:
    return "\n".join(re.findall(r"`[^`]+`|```.*?```", text, re.DOTALL))


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PENDING])
def test_an_event_is_owned_by_those_who_own_its_transition(status: Status) -> None:
    owners = {edge.owner.value for edge in EDGES if edge.target is status}
    assert set(owner_of(EVENTS[f"action.{TOLD_AS.get(status, status)}"])) == owners


@pytest.mark.parametrize("words", [Status, Phase, Control, Owner])
def test_the_glossary_knows_every_word_of_the_lifecycle(words: type[StrEnum]) -> None:
    assert [word for word in words if f"`{word}`" not in GLOSSARY] == []


def test_the_glossary_knows_every_event() -> None:
    assert [topic for topic in EVENTS if f"`{topic}`" not in GLOSSARY] == []


def test_the_glossary_has_each_term_once_and_in_order() -> None:
    assert TERMS
    assert sorted(set(TERMS), key=str.lower) == TERMS
