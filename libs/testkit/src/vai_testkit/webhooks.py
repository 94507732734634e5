"""An automation with a webhook, and who sends to it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
from prometheus_client import REGISTRY

from vai_records.automations.runs import NewAutomationRun
from vai_testkit.rings import MemoryBell
from vai_testkit.signing import standard

Json = dict[str, Any]

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
ORDER = b'{"order": {"id": 7, "total": 120.5}, "region": "US"}'


@dataclass
class Ticks:
    """A steady clock that tests hold."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Hook:
    """`web` sends, `api` is its organisation's administrator; the gateway's look-ups live by `ticks`."""

    web: httpx2.AsyncClient
    api: httpx2.AsyncClient
    gateway: Any
    id: str
    org_id: UUID
    ticks: Ticks
    bell: MemoryBell

    @property
    def url(self) -> str:
        return f"/webhooks/{self.org_id}/hooks/orders"

    async def send(self, body: bytes = ORDER, headers: dict[str, str] | None = None, **more: str) -> httpx2.Response:
        """Signed by Standard Webhooks, unless other headers are given."""
        signed = standard(SECRET, body) if headers is None else headers
        return await self.web.post(self.url, content=body, headers=signed | more)

    async def runs(self) -> list[Any]:
        """The automation runs that there are."""
        rows = await self.gateway.pool.fetch("SELECT * FROM automation_runs WHERE automation_id = $1", self.id)
        return list(rows)

    async def news(self, many: int) -> list[NewAutomationRun]:
        """Automation runs of so many messages, always the same ones."""
        version = await self.gateway.pool.fetchval("SELECT version_id FROM automations WHERE id = $1", self.id)
        keys = [f"webhook:{number}" for number in range(many)]
        return [NewAutomationRun(self.org_id, UUID(self.id), version, "webhook", key) for key in keys]

    async def change(self, how: str, body: Json | None = None) -> None:
        method, path = ("PATCH", "") if body is not None else ("POST", f"/{how}")
        answer = await self.api.request(method, f"/api/v1/automations/{self.id}{path}", json=body)
        assert answer.is_success, answer.text


def automation(path: str = "/hooks/orders", secret: str | None = SECRET) -> Json:
    trigger = {"type": "webhook", "path": path, **({"secret": secret} if secret else {})}
    steps = [{"kind": "dlt_extract", "definition": {"source": "noop"}}]
    return {"name": f"Hook of {path}", "trigger": trigger, "actions": steps}


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and word of an error, which is in the documented shape."""
    (detail,) = answer.json()["detail"]
    assert set(answer.json()) == {"detail"}
    assert set(detail) == {"loc", "msg", "type"}
    return answer.status_code, detail["type"]


def counted(name: str, **labels: str) -> float:
    """A counter of this process."""
    return REGISTRY.get_sample_value(f"{name}_total", labels) or 0
