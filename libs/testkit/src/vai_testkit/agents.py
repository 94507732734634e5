"""Agents' runs on a real database, claim by claim; the model is scripted, and a test ends the runs of calls."""

from typing import Any
from uuid import UUID

from vai_common.errors import RunError
from vai_common.ids import uuid7
from vai_records.agents import agents, turns
from vai_records.agents.agents import Saved
from vai_records.agents.definition import AgentDefinition
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.runs.statements import Ending
from vai_testkit.database import Database
from vai_testkit.models import LOOPBACK, ModelHouse
from vai_testkit.owned import HeldRun
from vai_testkit.rings import MemoryBell
from vai_testkit.servers.models.server import ModelServer
from vai_testkit.services import OtherServices
from vai_worker import lifecycle
from vai_worker.kind import Light, Park
from vai_worker.lifecycle import Holder
from vai_worker.owned import Means, Owned

MODEL = "here/scripted-1"


class ClaimedRun(Owned):
    """A run that a worker holds; its log entries are kept, too."""

    def __init__(self, row: Any, means: Any) -> None:
        super().__init__(row, means)
        self.logs: list[tuple[str, str, dict[str, Any]]] = []

    async def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        self.logs.append((event, message, data or {}))


class AgentHouse:
    """An organisation with a scripted model and agents. `turn` is one claim of a run, with its release."""

    def __init__(self, database: Database, house: ModelHouse, kind: Light, bell: MemoryBell) -> None:
        self.database, self.house, self.kind, self.bell = database, house, kind, bell
        self.org_id, self.pool = house.org_id, house.pool
        self.others = OtherServices(database.url)
        self.owner = uuid7()
        self.logs: list[tuple[str, str, dict[str, Any]]] = []

    @classmethod
    async def opened(cls, database: Database, server: ModelServer, kind: Light, bell: MemoryBell) -> "AgentHouse":
        house = await ModelHouse.opened(await database.pool("agent-worker"), server)
        await house.connect("here", "openai_compatible")
        await house.set(default=MODEL)
        return cls(database, house, kind, bell)

    async def save(self, slug: str = "helper", **definition: Any) -> UUID:
        """An agent; `definition` as REST has it."""
        read = AgentDefinition.model_validate({"instructions": "Help."} | definition)
        saved = Saved(slug, slug, None, {}, read)
        return UUID(str((await agents.create(self.pool, self.org_id, uuid7(), saved, None))["id"]))

    async def save_action(self, slug: str, kind: str, definition: dict[str, Any]) -> UUID:
        action_id = uuid7()
        text = "INSERT INTO actions (id, org_id, name, slug, kind, definition) VALUES ($1, $2, $3, $3, $4, $5)"
        await self.pool.execute(text, action_id, self.org_id, slug, kind, definition)
        return action_id

    async def ask(self, question: str = "How many?", agent: str = "helper", **columns: Any) -> UUID:
        """A queued run of the agent."""
        inputs = columns.pop("inputs", None)
        definition = {"agent": agent, "question": question} | ({"inputs": inputs} if inputs else {})
        new = NewRun(self.org_id, "call_agent", definition, "api", **columns)
        await self.database.make(new)
        return new.id

    async def claim(self, run_id: UUID, pool: Any = None) -> ClaimedRun:
        pool = pool or self.pool
        rows = await statements.claim(self.pool, self.owner, ["call_agent"], [run_id], 1, "worker-1")
        assert len(rows) == 1, f"{run_id} is {await self.database.where(run_id)}"
        life = HeldRun("http_request", {}).life
        life.id = self.owner
        means = Means(pool, life, None, self.house.keyring, "", lambda rows: None, LOOPBACK)  # type: ignore[arg-type]
        return ClaimedRun(rows[0], means)

    async def turn(self, run_id: UUID, pool: Any = None) -> "Park | RunError | dict[str, Any]":
        """Claim the run, work until it parks or ends, and release it. An error is final here."""
        run = await self.claim(run_id, pool)
        try:
            result = await self.kind.perform(run)
        except Park as parked:
            await self._park(run, parked)
            return parked
        except RunError as error:
            await self._end(run, "failed", None, error.as_json())
            return error
        finally:
            self.logs += run.logs
        await self._end(run, "completed", result, None)
        return result

    async def _park(self, run: Owned, parked: Park) -> None:
        assert await lifecycle.park(self.pool, Holder(self.owner, "worker-1"), run.id, run.epoch, parked)

    async def _end(self, run: Owned, status: str, result: Any, error: Any) -> None:
        entry = Entry(f"run_{status}", "done", {})
        ending = Ending(run.id, run.epoch, status, result, error, None, entry, {})
        assert await statements.finish(self.pool, [ending], self.owner, "worker-1")

    async def children(self, run_id: UUID) -> list[Any]:
        """The runs of its calls, in the order in which they were made."""
        text = "SELECT * FROM runs WHERE parent_run_id = $1 ORDER BY id"
        return list(await (await self.database.owner()).fetch(text, run_id))

    async def end_children(self, run_id: UUID, result: Any = None, status: str = "completed", **told: Any) -> int:
        """Ends what is queued below a run, each with this result; how many they were."""
        queued = [row for row in await self.children(run_id) if row["phase"] == "queued"]
        for row in queued:
            await self.others.end(str(row["id"]), status, result=result, **told)
        return len(queued)

    async def to_its_end(self, run_id: UUID, result: Any = None) -> "RunError | dict[str, Any]":
        """Turn after turn; what is called in between ends with `result`."""
        while isinstance(came := await self.turn(run_id), Park):
            await self.end_children(run_id, result)
        return came

    async def turns(self, run_id: UUID) -> list[turns.Turn]:
        return await turns.read(self.pool, run_id)
