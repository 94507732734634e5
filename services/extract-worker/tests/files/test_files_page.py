"""The examples of docs/files.md: its files, read by its resources, are its rows."""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "files.md"


@dataclass
class Example:
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)


def examples() -> list[Example]:
    found, example = [], Example()
    for form, name, encoding, body in re.findall(
        r"^```(\w+)(?: (\S+))?(?: encoding=(\S+))?\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE
    ):
        if form == "text":
            example.files[name] = (body, encoding or "utf-8")
        elif form == "json":
            example.resource = json.loads(body)
        elif form == "jsonl":
            example.rows = [json.loads(line) for line in body.splitlines()]
            found.append(example)
            example = Example()
    return found


def plainly(value: Any) -> Any:
    """As JSON shows it: exact numbers and days are texts there."""
    return value if value is None or (isinstance(value, int | float) and not isinstance(value, Decimal)) else str(value)


@pytest.mark.parametrize("example", examples(), ids=lambda example: json.dumps(example.resource)[:60])
def test_what_the_page_shows_is_what_comes(bench: Any, tmp_path: Path, example: Example) -> None:
    bench.files_root = str(tmp_path / "files")
    for name, (body, encoding) in example.files.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body.encode(encoding))
    bench.extract("filesystem", resources=[example.resource])
    table = bench.table(example.resource["name"]).drop_columns(["_connection_id", "_extracted_at"])
    assert [{name: plainly(value) for name, value in row.items()} for row in table.to_pylist()] == example.rows


def test_every_field_of_a_resource_of_files_stands_on_the_page() -> None:
    from vai_records.definitions.sources.file_resources import FileResource

    own = set(FileResource.model_fields) - {"name", "table", "write_disposition", "primary_key"}
    assert own == set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
