"""What the pages tell people to type fits what the chart makes: selectors, names, Secrets with their keys, values."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.chart.rendered import FILES, of_kind, rendered
from tools.deploy.chart import helm
from tools.deploy.chart.__main__ import faults
from tools.deploy.chart.page import at, read_schema
from vai_testkit.pages import to_run

_PAGES = [
    *sorted((helm.ROOT / "docs").rglob("*.md")),
    helm.CHART / "UPGRADING.md",
]
_TEXTS = {path.relative_to(helm.ROOT).as_posix(): path.read_text() for path in _PAGES}
_SCHEMA = read_schema()
_SELECTOR = re.compile(r"(?:-l|--selector) '?([\w./-]+)=([\w./-]+)")
_NAMED = re.compile(r"\b(deploy|deployment|service)/(vai[\w-]*)")
_LOGS = re.compile(r"kubectl [^`\n|]* ?logs [^`\n|]*")
_VALUE = re.compile(r"`([a-zA-Z]+(?:\.[a-zA-Z]+)+)(?::[^`]*)?`")
_KINDS = {"deploy": "Deployment", "deployment": "Deployment", "service": "Service"}


def _labels(manifests: list[helm.Manifest]) -> Iterator[dict[str, str]]:
    for each in manifests:
        template = each.get("spec", {}).get("template", {}) if each["kind"] == "Deployment" else {}
        yield from (part["metadata"]["labels"] for part in (each, template) if part.get("metadata", {}).get("labels"))


def _found(pattern: re.Pattern[str]) -> set[tuple[str, ...]]:
    return {(page, *match) for page, text in _TEXTS.items() for match in pattern.findall(text)}


def test_a_selector_selects_something_of_ours() -> None:
    there = {label for labels in _labels(rendered("full")) for label in labels.items()}
    asked = _found(_SELECTOR)
    assert len(asked) >= 5
    assert [(page, name, value) for page, name, value in sorted(asked) if (name, value) not in there] == []


def test_lines_of_pods_that_a_selector_selects_are_asked_for_whole() -> None:
    """kubectl shows ten lines of each then, and says nothing of the others."""
    commands = [(page, command) for page, text in _TEXTS.items() for command in _LOGS.findall(text)]
    assert commands
    assert [each for each in commands if _SELECTOR.search(each[1]) and "--tail=" not in each[1]] == []


def test_what_is_named_is_there() -> None:
    there = {(kind, name) for kind in set(_KINDS.values()) for name in of_kind(rendered("full"), kind)}
    asked = _found(_NAMED)
    assert asked
    assert [each for each in sorted(asked) if (_KINDS[each[1]], each[2]) not in there] == []


_SPARKS = ("spark.connect.", "spark.task.")
"""How the names of Spark's own settings begin."""


def test_a_value_that_is_named_is_one() -> None:
    pairs = [(page, path) for page, text in _TEXTS.items() for path in _VALUE.findall(text)]
    asked = {
        (page, path)
        for page, path in pairs
        if path.split(".")[0] in _SCHEMA["properties"] and not path.endswith(".json")
        if not path.startswith(_SPARKS)
    }
    assert len(asked) >= 10
    assert [(page, path) for page, path in sorted(asked) if not _is_value(path.split("."))] == []


def _is_value(path: list[str]) -> bool:
    try:
        at(_SCHEMA, tuple(path))
    except KeyError:
        return False
    return True


def _blocks(page: str) -> list[Any]:
    return [yaml.safe_load(block) for block in to_run(helm.ROOT / page, "yaml")]


_VALUES = [each for page in ("docs/kubernetes.md", "docs/quickstart/platform.md") for each in _blocks(page)]


@pytest.mark.parametrize("shown", _VALUES, ids=lambda shown: " ".join(shown))
def test_values_that_are_shown_are_sound(shown: Any, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(shown))
    assert list(faults([*FILES["minimal"], values])) == []


def test_the_secrets_that_a_page_makes_have_the_keys_that_the_pods_read() -> None:
    made = {}
    for name, rest in re.findall(
        r"create secret generic ([\w-]+)((?:[^\n]*\\\n)*[^\n]*)", _TEXTS["docs/kubernetes.md"]
    ):
        made[name] = set(re.findall(r"--from-literal=([\w-]+)=", rest))
    read: dict[str, set[str]] = {}
    for each in of_kind(rendered("default"), "Deployment").values():
        for variable in each["spec"]["template"]["spec"]["containers"][0]["env"]:
            asked = variable.get("valueFrom", {}).get("secretKeyRef")
            if asked and not asked.get("optional"):
                read.setdefault(asked["name"], set()).add(asked["key"])
    assert {name: keys - made.get(name, set()) for name, keys in read.items()} == {name: set() for name in read}
