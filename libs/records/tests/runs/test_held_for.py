import itertools

import pytest

from vai_records.lifecycle.transitions import HeldFor
from vai_records.runs.held_for import Limits, admit

NONE, SOME = Limits(), Limits(organisation=3)


@pytest.mark.parametrize(
    ("requires_approval", "approved", "deferred", "limits", "held_for"),
    [
        (False, False, False, NONE, None),
        (False, False, False, SOME, HeldFor.LIMIT),
        (False, False, False, Limits(connection=1), HeldFor.LIMIT),
        (True, False, False, NONE, HeldFor.APPROVAL),
        (True, False, False, SOME, HeldFor.APPROVAL),
        (True, True, False, NONE, None),
        (True, True, False, SOME, HeldFor.LIMIT),
        (False, False, True, NONE, HeldFor.DEFERRED),
        (False, False, True, SOME, HeldFor.DEFERRED),
        (True, False, True, NONE, HeldFor.DEFERRED),
    ],
)
def test_what_holds_a_run(
    requires_approval: bool, approved: bool, deferred: bool, limits: Limits, held_for: HeldFor | None
) -> None:
    told = admit(requires_approval=requires_approval, approved=approved, deferred=deferred, limits=limits)
    assert told is held_for


def test_a_run_that_nothing_holds_is_queued_whatever_else_is_said() -> None:
    for required, approved in itertools.product((True, False), repeat=2):
        held = admit(requires_approval=required, approved=approved, deferred=False, limits=NONE)
        assert (held is None) is (approved or not required)


def test_by_default_there_is_no_limit() -> None:
    assert not Limits().any
    assert Limits(organisation=1).any
    assert Limits(connection=1).any
