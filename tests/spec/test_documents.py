"""The facts of the source documents, as our own code and the contract have them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.spec import compare
from tests.spec.check_contract import SCHEMAS
from tests.spec.compare import json_in
from vai_common.errors import ErrorCode
from vai_contracts.vai.words.v1 import words_pb2
from vai_contracts.words import to_word
from vai_records.definitions.kinds import KINDS
from vai_records.lifecycle.transitions import EDGES, TERMINAL, Status, targets

HERE = Path(__file__).parent


def _data(name: str) -> Any:
    return json.loads((HERE / name).read_text())


FACTS = _data("facts.json")
REST = _data("examples/003.json")


def _words(enum: Any) -> set[str]:
    return {to_word(enum, value) for value in enum.values() if value}


@pytest.mark.parametrize("status", FACTS["lifecycle"])
def test_a_run_can_go_where_document_000_lets_it_and_nowhere_else(status: str) -> None:
    assert set(targets(Status(status))) == set(FACTS["lifecycle"][status])


def test_what_document_000_calls_terminal_is_final() -> None:
    assert set(TERMINAL) == {status for status, after in FACTS["lifecycle"].items() if not after}


def test_every_edge_has_one_owner() -> None:
    keys = [(edge.source, edge.target, edge.cause, edge.owner) for edge in EDGES]
    assert len({key[:3] for key in keys}) == len(keys)


def test_the_fifteen_kinds_run_in_the_mode_of_document_000() -> None:
    assert {kind.name: kind.mode for kind in KINDS.values()} == FACTS["kinds"]


def test_the_error_codes_are_those_of_document_000() -> None:
    assert set(ErrorCode) == set(FACTS["errorCodes"])


def test_the_protobuf_words_are_those_of_the_documents() -> None:
    assert _words(words_pb2.RunStatus) == set(FACTS["lifecycle"])
    assert _words(words_pb2.ActionKind) == set(FACTS["kinds"])
    assert _words(words_pb2.ErrorCode) == set(FACTS["errorCodes"])


def test_the_contract_has_the_keys_of_the_reference() -> None:
    assert set(REST["run"]) == set(SCHEMAS["run"]["required"])
    assert set(REST["list of runs"]) == set(SCHEMAS["runs"]["required"])
    assert set(REST["logs"]) == set(SCHEMAS["logs"]["required"])
    assert set(REST["logs"]["entries"][0]) == set(SCHEMAS["logEntry"]["required"])
    assert set(REST["list of runs"]["users"]["property1"]) == set(SCHEMAS["user"]["required"])
    assert set(REST["problem"]) == set(SCHEMAS["problem"]["required"])


def test_a_log_entry_of_document_004_is_the_contracts_in_snake_case() -> None:
    snake = {re.sub(r"(?=[A-Z])", "_", key).lower() for key in SCHEMAS["logEntry"]["required"]}
    assert set(_data("examples/004.json")["log entry"]) == snake


def test_json_is_found_in_a_text_that_glues_it_together() -> None:
    assert json_in('a {"b": {"c": 1}}{"d": 2}Then {{ no json }} and {"d": 2}') == [{"b": {"c": 1}}, {"d": 2}]


def test_without_the_source_documents_the_comparison_says_so_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(tmp_path / "spec") == 0
    assert "was not held against the documents" in capsys.readouterr().out
