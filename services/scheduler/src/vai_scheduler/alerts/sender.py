"""Sends what is due: claimed by one scheduler, tried again with growing waits, given up with a reason.

A process that dies between sending and noting leaves a claim behind, and the message is sent again: at least once, and
with the same id, by which a receiver knows a repeat.
"""

import asyncio
from collections import Counter
from uuid import UUID

import structlog

from vai_common.db import is_away
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_common.loops import end
from vai_common.queries import Pool, Row
from vai_records.alerts import alerts
from vai_records.alerts.alerts import CLAIM_SECONDS, MOST_ATTEMPTS
from vai_records.secrets.keys import Keyring, SecretError
from vai_scheduler.alerts.delivery import deliver
from vai_scheduler.alerts.words import message_of
from vai_scheduler.metrics import alert_attempts

_log = structlog.get_logger()

MOST_UNDERWAY = 16
MOST_OF_ONE = 4
"""Deliveries of one organisation at once: its slow receivers keep no others waiting."""

FIRST_WAIT, LONGEST_WAIT = 10.0, 900.0
"""Seconds between attempts, doubled each time."""

STOP_SECONDS = 5.0


class Sender:
    """The deliveries of this process."""

    def __init__(self, pool: Pool, keyring: Keyring, policy: Policy, public_url: str) -> None:
        self._pool = pool
        self._keyring = keyring
        self._policy = policy
        self._public_url = public_url
        self._underway: dict[asyncio.Task[None], UUID] = {}
        self.wake = asyncio.Event()

    async def send_once(self) -> None:
        """Begin to send what is due, as much as there is room for; does not wait for the end."""
        while len(self._underway) < MOST_UNDERWAY:
            counts = Counter(self._underway.values())
            busy = [org_id for org_id, count in counts.items() if count >= MOST_OF_ONE]
            alert = await alerts.claim(self._pool, busy)
            if alert is None:
                return
            task = asyncio.create_task(self._send(alert))
            self._underway[task] = alert["org_id"]
            task.add_done_callback(self._over)

    async def stop(self) -> None:
        """What is under way may end for a few seconds; the rest is sent again by another process."""
        if self._underway:
            await asyncio.wait(self._underway, timeout=STOP_SECONDS)
        await end(self._underway)

    def _over(self, task: "asyncio.Task[None]") -> None:
        del self._underway[task]
        self.wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("alert_not_noted", error=f"{type(error).__name__}: {error}")

    async def _send(self, alert: Row) -> None:
        kind, wait, error = alert["channel"].get("type"), None, None
        try:
            note = await deliver(
                message_of(alert, self._public_url), alert["channel"], self._opened(alert), self._policy
            )
        except RunError as failure:
            error, wait = failure, _wait(failure, alert)
        except Exception as failure:
            _log.exception("alert_failed", alert_id=str(alert["id"]))
            text = f"This alert cannot be written ({type(failure).__name__})."
            error = Permanent(ErrorCode.INTERNAL_ERROR, text)
        else:
            alert_attempts.labels(channel=kind, outcome="sent").inc()
            await self._note(alert, note)
            return
        alert_attempts.labels(channel=kind, outcome="given_up" if wait is None else "failed").inc()
        _log.warning(
            "alert_not_sent",
            alert_id=str(alert["id"]),
            organisation_id=str(alert["org_id"]),
            attempts=alert["attempts"],
            again_in=wait,
            error=error.message,
        )
        await self._note(alert, error.as_json(), wait, failed=True)

    def _opened(self, alert: Row) -> dict[str, str]:
        """Raises `Permanent` where the secrets cannot be decrypted."""
        if alert["secrets"] is None:
            return {}
        try:
            opened: dict[str, str] = self._keyring.decrypt_json(alert["secrets"], alert["org_id"], alert["rule_id"])
        except SecretError as error:
            raise Permanent(ErrorCode.AUTH_ERROR, f"{error} Give the rule's channel again.") from error
        return opened

    async def _note(
        self, alert: Row, error: dict[str, object] | None, wait: float | None = None, *, failed: bool = False
    ) -> None:
        """While the database is away it is tried again, for as long as the claim lasts."""
        async with asyncio.timeout(CLAIM_SECONDS):
            while True:
                try:
                    if failed:
                        await alerts.failed(self._pool, alert, error or {}, wait)
                    else:
                        await alerts.sent(self._pool, alert, error)
                    return
                except Exception as failure:
                    if not is_away(failure):
                        raise
                    await asyncio.sleep(1)


def _wait(error: RunError, alert: Row) -> float | None:
    """Seconds until the next attempt; None: it is given up. A test is tried once, since a person looks at it."""
    if not isinstance(error, Retryable) or alert["is_test"] or alert["attempts"] >= MOST_ATTEMPTS:
        return None
    grown: float = min(FIRST_WAIT * 2 ** (alert["attempts"] - 1), LONGEST_WAIT)
    return max(grown, error.retry_after or 0)
