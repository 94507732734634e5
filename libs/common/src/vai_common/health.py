"""/healthz, /readyz and /metrics of every service, as a small ASGI application (rule 19)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from vai_common.clock import steady_seconds

SEEN_SECONDS = 30
"""Seconds since the last answer of the database, after which the service is not ready."""


class Health:
    """Live: the process answers. Ready: the database was seen lately, its schema fits, the service is not stopping, and
    nothing that it was given (a key, a right) is refused."""

    def __init__(self) -> None:
        self._seen: float | None = None
        self.schema_fault: str | None = "the database's schema was not looked at yet"
        """What is wrong with the schema and what to do; None if it fits this version."""
        self.draining = False
        self._faults: dict[str, str] = {}
        self._warnings: dict[str, str] = {}

    def saw_database(self) -> None:
        self._seen = steady_seconds()

    def tell(self, what: str, fault: str | None, *, keeps_back: bool = True) -> None:
        """Notes what is wrong with something outside, and what to do; None: nothing any more.

        A warning (not `keeps_back`) is said and leaves the process ready.
        """
        noted = self._faults if keeps_back else self._warnings
        if fault is None:
            noted.pop(what, None)
        else:
            noted[what] = fault

    def problems(self) -> list[str]:
        """Why the service is not ready; empty when it is."""
        seen = self._seen is not None and steady_seconds() - self._seen <= SEEN_SECONDS
        found = {
            "the database has not answered in the last 30 s": not seen,
            self.schema_fault: self.schema_fault is not None,
            "the service is stopping": self.draining,
        }
        return [*(problem for problem, there in found.items() if problem and there), *self._faults.values()]

    def warnings(self) -> list[str]:
        """What is wrong and does not keep the service from being ready."""
        return [*self._warnings.values()]

    def answer(self, path: str, accept: str = "") -> tuple[int, str, bytes] | None:
        """Status, content type and body for one of these three paths; None for any other path.

        Who accepts OpenMetrics, as Prometheus does, gets the exemplars of the metrics, too.
        """
        if path == "/healthz":
            return 200, "application/json", b'{"status":"alive"}'
        if path == "/readyz":
            problems = self.problems()
            return (
                (503 if problems else 200),
                "application/json",
                orjson.dumps({"ready": not problems, "problems": problems, "warnings": self.warnings()}),
            )
        if path == "/metrics":
            encode, content_type = choose_encoder(accept)
            return 200, content_type, encode(REGISTRY)
        return None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        accept = next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"accept"), "")
        status, kind, body = self.answer(scope["path"], accept) or (404, "application/json", b'{"detail":[]}')
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
