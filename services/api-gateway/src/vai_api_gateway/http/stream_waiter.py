"""The waiting part of an open stream: it sleeps until there is something to send."""

import asyncio


class StreamWaiter:
    """Woken when there is something new, or when a keep-alive is due. There may be thousands, so waiting is cheap."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._rang = False

    def wake(self) -> None:
        self._woken.set()

    async def changed(self, seconds: float) -> bool:
        """Whether something happened; False if the time has passed."""
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)
        await self._woken.wait()
        self._woken.clear()
        rang, self._rang = self._rang, False
        return not rang

    def close(self) -> None:
        """Wake up, and wait no more: the stream ends."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        self._rang = True
        self._woken.set()
