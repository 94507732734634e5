"""What json and jsonl files cannot say, or cannot hold, is told of or refused."""

from pathlib import Path
from typing import Any

import pytest

from vai_common.errors import Permanent


def extracted(bench: Any, folder: Path, name: str, text: str, **fields: Any) -> list[str]:
    """The warnings."""
    folder.mkdir()
    (folder / name).write_text(text)
    bench.files_root = str(folder)
    bench.extract("filesystem", resources=[{"name": "items", "path": name} | fields])
    return [entry[0] for entry in bench.link.logs if entry[3] == "warning"]


@pytest.mark.parametrize("name", ["items.json", "items.jsonl"])
@pytest.mark.parametrize("words", [{"decimal_separator": ","}, {"thousands_separator": "'"}])
def test_words_of_csv_numbers_are_not_passed_over(bench: Any, tmp_path: Path, name: str, words: Any) -> None:
    with pytest.raises(Permanent, match="whose numbers have only one notation") as raised:
        extracted(bench, tmp_path / "in", name, '{"id": 1, "v": "1.234"}', columns={"v": "double"}, **words)
    assert raised.value.details["field"] == "decimal_separator"


@pytest.mark.parametrize("name", ["items.json", "items.jsonl"])
@pytest.mark.parametrize(
    ("text", "warnings"),
    [("cut \\ud83d", ["characters_lost"]), ("\\ud83d\\ude00", []), ("\ufffd", ["characters_lost"])],
)
def test_half_of_a_character_is_told_of(bench: Any, tmp_path: Path, name: str, text: str, warnings: list[str]) -> None:
    assert extracted(bench, tmp_path / "in", name, f'{{"id": 1, "v": "{text}"}}\n' * 3) == warnings
