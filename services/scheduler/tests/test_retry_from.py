"""A retry from a chosen step: that step and all after it are done again."""

from services.scheduler.tests.stage import Stage, step


async def test_a_retry_from_a_step_does_it_and_all_after_it_again(stage: Stage) -> None:
    """What stands beside it is kept, and what failed is done again anyway."""
    steps = (step("a"), step("b", "a"), step("c", "b"), step("side", "a"))
    saved = await stage.save(*steps, max_parallel=9)
    first = await stage.begin(saved)
    for key in ("a", "b", "side", "c"):
        await stage.end(first, key)
    assert (await stage.row(first))["status"] == "completed"
    again = await stage.begin(saved, retry_of=first, retry_from="b")
    assert await stage.states(again) == {"a": "completed", "b": "running", "c": "waiting", "side": "completed"}
    assert await stage.run_of(again, "side") == await stage.run_of(first, "side")
    await stage.end(again, "b")
    await stage.end(again, "c")
    assert (await stage.row(again))["status"] == "completed"
    whole = await stage.begin(saved, retry_of=first, retry_from="a")
    assert (await stage.states(whole))["a"] == "running"
    assert set((await stage.states(whole)).values()) == {"running", "waiting"}
