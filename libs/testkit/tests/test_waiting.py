"""Waiting for conditions."""

import pytest

from vai_testkit.wait import wait_for


async def test_the_first_true_value_is_given_back() -> None:
    values = iter([None, 0, "", "here"])

    assert await wait_for(lambda: next(values), every=0) == "here"


async def test_a_coroutine_function_is_a_condition_too() -> None:
    values = iter([False, False, True])

    async def is_there() -> bool:
        return next(values)

    assert await wait_for(is_there, every=0)


async def test_what_does_not_come_true_is_named_with_its_last_value() -> None:
    with pytest.raises(AssertionError, match=r"the run: not true within 0\.01 s; at last it was \[\]"):
        await wait_for(list, timeout=0.01, every=0, what="the run")
