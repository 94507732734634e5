"""One word for one thing: lifecycle, events, kinds, services and the texts about them use the same words."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from tests.architecture.workspace import MEMBERS, ROOT, SERVICES, modules, modules_with, name_of, package_of, tree
from vai_contracts.topics import EVENTS, owner_of
from vai_records.definitions.kinds import KINDS
from vai_records.lifecycle.transitions import EDGES, SLICES, Control, Owner, Phase, Status

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


# Words of the glossary's last column that also mean something else, which our code has, too.
OF_ANOTHER_THING = {
    "acquire": "a connection of a pool",
    "backoff": "the growing wait between attempts",
    "batch": "rows or statements that go together",
    "branch": "the kind `conditional_branch`",
    "callback": "a function that a library calls",
    "chunk": "bytes as they arrive",
    "command": "of a shell, or of Postgres",
    "concurrency": "the field `concurrencyKey` of the REST API",
    "config": "of a connection (a field of the REST API), of a library",
    "consumer": "of Kafka",
    "dispatch": "of a notification to who asked for it",
    "endpoint": "of a server",
    "expression": "of cron or of SQL",
    "index": "of a table, or a place in a list",
    "job": "what a child process is told to do",
    "lock": "of Postgres",
    "message": "of Kafka, or a text",
    "node": "of a drawing, or of a tree of syntax",
    "notification": "of Postgres",
    "output": "what a transform writes",
    "params": "of a request; the name is dlt's",
    "queue": "of asyncio",
    "raw": "bytes as they came",
    "revision": "of the schema",
    "root": "of a folder",
    "rule": "a rule of the house",
    "selector": "a JSONPath; the name is dlt's",
    "signal": "of the operating system",
    "state": "what an object or a file remembers; the column of a step",
    "stream": "of bytes or of events",
    "task": "of asyncio",
    "template": "the field `templateId` of the REST API",
    "thread": "of the operating system",
    "try": "a word of Python",
    "type": "of a value",
    "version": "of a table or a package",
}
PUBLISHED = {"Executor"}
"""Names that proto/ has published; they stay (docs/glossary.md)."""
NO_CLASS_ENDS_IN = ("State", "Execution", "Instance", "Job", "Workflow", "Pipeline", "Watermark")
CLASSES_BY_THAT_NAME = {"Job"}
"""What a child process is told (`vai_worker.children.job`)."""
SHIPPED = [member for member in MEMBERS if member.name not in ("client", "contracts", "devstack", "testkit")]


def _forbidden() -> set[str]:
    """The words of the glossary's last column that no identifier may have."""
    cells = re.findall(r"^\| \*\*.+\| ([^|]*) \|$", GLOSSARY, re.MULTILINE)
    words = {word.strip() for cell in cells for word in cell.split(",") if word.strip()}
    own = {part for term in TERMS for part in re.findall(r"[a-z]+", term)}
    return {word for word in words if word.isalpha()} - set(OF_ANOTHER_THING) - own


def _identifiers(module: Path) -> Iterator[str]:
    """What a module names: classes, functions, arguments, variables and attributes that it sets."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def _words(identifier: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower()))


@pytest.mark.parametrize("member", SHIPPED, ids=name_of)
def test_identifiers_obey_the_glossary(member: Path) -> None:
    forbidden = _forbidden()
    assert forbidden >= {"watermark", "workflow", "execution", "instance", "outbox", "executor"}
    wrong = {
        f"{name_of(module)}: {name}"
        for module in modules(package_of(member))
        for name in {module.stem, *_identifiers(module)} - PUBLISHED
        if forbidden & _words(name) and name != "executor"
    }
    assert wrong == set()


@pytest.mark.parametrize("member", SHIPPED, ids=name_of)
def test_no_class_is_called_by_a_word_that_the_glossary_forbids(member: Path) -> None:
    classes = {
        node.name
        for path in modules(package_of(member))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }
    assert {name for name in classes if name.endswith(NO_CLASS_ENDS_IN)} - CLASSES_BY_THAT_NAME == set()


def test_bell_and_notification_are_the_only_pictures() -> None:
    """The bell says that runs are queued; all else that Postgres tells is a notification, received by a listener."""
    pictures = {"whisper", "whispers", "ear", "ears"}
    naming = modules_with(r"(?i:whisper)|(?<![a-z])ears?(?![a-z])|E[Aa][Rr][Ss]?(?![a-z])")
    found = {name_of(path): name for path in naming for name in _identifiers(path) if pictures & _words(name)}
    assert found == {}
