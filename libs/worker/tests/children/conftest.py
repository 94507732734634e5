import asyncio

import pytest

from vai_worker.children import forks


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A child is frozen after six tenths of a second. One entry for each look at it."""
    looks: list[float] = []
    pause = asyncio.sleep

    async def looking(seconds: float) -> None:
        if seconds == forks.BEAT_SECONDS:
            looks.append(seconds)
        await pause(seconds)

    monkeypatch.setattr(forks, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(asyncio, "sleep", looking)
    return looks
