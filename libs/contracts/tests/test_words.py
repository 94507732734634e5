"""The words of the REST API and the enums of the contracts are the same words."""

from typing import Any

import pytest

from vai_contracts.vai.words.v1.words_pb2 import (
    ActionKind,
    AutomationRunStatus,
    AutomationTrigger,
    ErrorCode,
    RunStatus,
    TriggerMethod,
    TriggerSourceType,
)
from vai_contracts.words import from_word, to_word


def test_a_status_is_lower_case_in_rest_and_prefixed_in_the_contract() -> None:
    assert from_word(RunStatus, "awaiting_approval") == RunStatus.RUN_STATUS_AWAITING_APPROVAL
    assert to_word(RunStatus, RunStatus.RUN_STATUS_AWAITING_APPROVAL) == "awaiting_approval"


def test_a_word_is_understood_in_either_case() -> None:
    assert from_word(RunStatus, "COMPLETED") == from_word(RunStatus, "completed")


def test_where_an_automation_run_stands_has_words_of_its_own() -> None:
    assert from_word(AutomationRunStatus, "running") == AutomationRunStatus.AUTOMATION_RUN_STATUS_RUNNING
    assert to_word(AutomationTrigger, AutomationTrigger.AUTOMATION_TRIGGER_WEBHOOK) == "webhook"


def test_an_error_code_keeps_its_capitals() -> None:
    assert to_word(ErrorCode, from_word(ErrorCode, "RATE_LIMITED")) == "RATE_LIMITED"


@pytest.mark.parametrize(
    "enum",
    [ActionKind, AutomationRunStatus, AutomationTrigger, ErrorCode, RunStatus, TriggerMethod, TriggerSourceType],
)
def test_every_word_comes_back_as_it_went(enum: Any) -> None:
    assert [from_word(enum, to_word(enum, value)) for value in enum.values()] == enum.values()


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match="RUN_STATUS_ASLEEP"):
        from_word(RunStatus, "asleep")
