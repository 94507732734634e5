"""What is typed for a command, or named as a file, becomes JSON; what cannot is told with the option."""

import json
from pathlib import Path

import pytest
import typer

from vai.cli.inputs import assign, read_object


@pytest.mark.parametrize("form", ["{}", "@{}"])
def test_a_file_is_read_by_its_name_with_and_without_the_sign_of_other_options(tmp_path: Path, form: str) -> None:
    file = tmp_path / "orders.json"
    file.write_text(json.dumps({"source": "sample"}))
    assert read_object(form.format(file), "--definition") == {"source": "sample"}


@pytest.mark.parametrize("text", ['["orders"', '{"a": 1', "[1, 2"])
def test_what_begins_as_json_and_is_none_is_refused_and_not_taken_as_text(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not JSON"):
        assign({}, f"resources={text}")


@pytest.mark.parametrize("text", ["{{ bronze_orders }}", "orders", "2026-01-01", "a [b]", "1e400", "NaN"])
def test_other_text_is_text(text: str) -> None:
    target: dict[str, object] = {}
    assign(target, f"field={text}")
    assert target == {"field": text}


@pytest.mark.parametrize("number", ["1e400", "-1e999", "NaN", "Infinity"])
def test_a_number_that_no_json_has_is_refused_before_anything_is_sent(number: str) -> None:
    with pytest.raises(typer.BadParameter, match="too large, or no number"):
        read_object(f'{{"rows": {number}}}', "--definition")
