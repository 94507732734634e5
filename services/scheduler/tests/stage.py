"""A scheduler's looks on a real database. Tests do the work of the other services."""

from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_records.automations.saved_steps import SavedAction
from vai_records.events.publication import Publisher
from vai_records.secrets.keys import Keyring
from vai_scheduler.look import Looker
from vai_testkit.automations import NOOP, Saved, save, start, states
from vai_testkit.database import Database
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer, OtherServices

KEYS = "k1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="


def step(key: str, *after: Any, when: str = "on_success", **work: Any) -> dict[str, Any]:
    """A step that does nothing unless `work` says otherwise."""
    return {"key": key, "depends_on": list(after), "condition": {"type": when}, **(work or NOOP)}


class Stage:
    """One organisation, one scheduler, and the others as far as a test needs them."""

    def __init__(self, database: Database, pool: Any, gateway: Any, org_id: UUID) -> None:
        self.database = database
        self.pool = pool
        self.gateway = gateway
        self.org_id = org_id
        self.bell = MemoryBell()
        self.producer = MemoryProducer()
        self.publisher = Publisher(pool, self.producer, uuid7())
        self.looker = Looker(pool, self.bell, self.publisher, Keyring(KEYS), uuid7(), "scheduler-1")
        self.others = OtherServices(database.url)

    async def save(self, *steps: dict[str, Any], **parts: Any) -> Saved:
        """An automation of these steps; `parts` are the rest of its body, or columns."""
        body = {"steps": list(steps)} if steps else {}
        columns = {name: parts.pop(name) for name in ("due_at", "status", "actions_known") if name in parts}
        return await save(
            self.gateway,
            self.org_id,
            body | parts,
            actions=columns.pop("actions_known", None),
            keyring=self.looker.keyring,
            **columns,
        )

    async def save_action(self, slug: str, kind: str, definition: dict[str, Any]) -> dict[str, SavedAction]:
        """A saved action, as the steps know it."""
        action_id = uuid7()
        text = "INSERT INTO actions (id, org_id, name, slug, kind, definition) VALUES ($1, $2, $3, $3, $4, $5)"
        await self.gateway.execute(text, action_id, self.org_id, slug, kind, definition)
        return {slug: SavedAction(action_id, kind, definition)}

    async def begin(self, saved: Saved, **columns: Any) -> UUID:
        """Makes an automation run and looks at it once."""
        run_id = await start(self.gateway, saved, **columns)
        assert await self.looker.look(run_id) is not None
        return run_id

    async def begun(self, *steps: dict[str, Any], inputs: dict[str, Any] | None = None, **parts: Any) -> UUID:
        return await self.begin(await self.save(*steps, **parts), inputs=inputs or {})

    async def end(self, run_id: UUID, key: str, status: str = "completed", **told: Any) -> None:
        """Ends the run of a step, and lets the scheduler look."""
        await self.others.end(str(await self.run_of(run_id, key)), status, **told)
        assert await self.looker.look(run_id) is not None

    async def run_of(self, run_id: UUID, key: str) -> UUID:
        text = "SELECT run_id FROM automation_steps WHERE automation_run_id = $1 AND key = $2"
        found: UUID = await self.pool.fetchval(text, run_id, key)
        return found

    async def states(self, run_id: UUID) -> dict[str, str]:
        return await states(self.pool, run_id)

    async def row(self, run_id: UUID) -> Any:
        return await self.pool.fetchrow("SELECT * FROM automation_runs WHERE id = $1", run_id)

    async def step(self, run_id: UUID, key: str) -> Any:
        text = "SELECT * FROM automation_steps WHERE automation_run_id = $1 AND key = $2"
        return await self.pool.fetchrow(text, run_id, key)

    async def told(self, run_id: UUID) -> list[str]:
        """The types of the events of an automation run, in order."""
        return [row["type"] for row in await self.database.events(run_id)]

    async def logged(self, run_id: UUID) -> list[str]:
        return [row["event"] for row in await self.database.log(run_id)]
