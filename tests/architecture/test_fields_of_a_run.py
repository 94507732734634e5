"""A field of a run is named in at most four places between the table and the client, and a test adds one to show it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

from tests.architecture.workspace import ROOT
from vai_records.runs.row import ShownRun

_PLACES = {
    "vai_records/runs/row.py": "the rows that are read, shown, claimed and ended",
    "vai_records/runs/new_run.py": "what whoever makes a run may say of it",
    "vai_api_gateway/http/shapes.py": "what the REST API promises",
    "vai/models/answers.py": "what the client knows",
}
_A_LIST = 9
"""So many of a run's fields named in one function, class or constant are a list of a run's fields."""

_WORDS = re.compile(r"\w+")


def _words(node: ast.AST) -> set[str]:
    found = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            found |= set(_WORDS.findall(one.value))
        elif isinstance(one, ast.Name):
            found.add(one.id)
        elif isinstance(one, ast.Attribute | ast.keyword):
            found.add(str(one.attr if isinstance(one, ast.Attribute) else one.arg))
    return found


def _lists(fields: set[str]) -> Iterator[tuple[str, str]]:
    spelled = {name: {name, _camel(name)} for name in fields}
    for path in [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]:
        if {"vai_contracts", "vai_testkit", "vai_devstack"} & set(path.parts):
            continue
        for node in ast.parse(path.read_text()).body:
            words = _words(node)
            if sum(not spellings.isdisjoint(words) for spellings in spelled.values()) >= _A_LIST:
                yield path.as_posix().split("/src/")[1], getattr(node, "name", ast.unparse(node)[:30])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


# Fields that other things have, too (actions, automation runs), tell nothing of a run.
_COMMON = {"id", "kind", "status", "definition", "created_at", "updated_at", "started_at", "completed_at", "error"}


def test_the_fields_of_a_run_are_listed_in_four_places() -> None:
    found = list(_lists(set(get_type_hints(ShownRun)) - _COMMON))
    assert {path for path, _ in found} <= set(_PLACES), found


_ADDED = "losses: int"
_LOOK = """
import json
from datetime import UTC, datetime
from vai.models.answers import Run
from vai_api_gateway.http.shapes import RunShape
from vai_api_gateway.runs.intake import _as_inserted
from vai_records.runs import runs
from vai_records.runs.new_run import NewRun
from vai_common.ids import uuid7

row = _as_inserted(NewRun(uuid7(), "http_request", {}, "api"), datetime.now(UTC))
shown = runs.as_json(row, frozenset())
answer = json.loads(RunShape.model_validate(shown).model_dump_json(by_alias=True))
print(json.dumps([runs.COLUMNS, answer["losses"], Run.read(answer).losses]))
"""


def _copied(package: Path, into: Path, name: str, line: str, added: str) -> None:
    shutil.copytree(package, into / package.name)
    file = into / package.name / name
    text = file.read_text()
    assert text.count(line) == 1, f"{name} names interrupt_count {text.count(line)} times: {line!r}"
    file.write_text(text.replace(line, f"{line}\n    {added}"))


def test_a_field_that_is_added_in_three_places_is_read_shown_and_known(tmp_path: Path) -> None:
    """The fourth is the table, which has the column already; everything between is made of these."""
    records, gateway = ROOT / "libs/records/src/vai_records", ROOT / "services/api-gateway/src/vai_api_gateway"
    _copied(records, tmp_path, "runs/row.py", "    interrupt_count: int", _ADDED)
    _copied(gateway, tmp_path, "http/shapes.py", "    interrupt_count: int", _ADDED)
    client = ROOT / "libs/client/src/vai"
    _copied(client, tmp_path, "models/answers.py", "    interrupt_count: int = 0", f"{_ADDED} = 0")
    asked = [sys.executable, "-c", _LOOK]
    done = subprocess.run(asked, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    columns, shown, known = json.loads(done.stdout)
    assert "losses" in columns.split(", ")
    assert (shown, known) == (0, 0)
