"""The work of one agent's run, from one durable step to the next.

Each step is a transaction: an answer is written before anything is done with it, and with it which calls follow and
their runs; what they came to is written before the model is asked again. So whoever takes the run over goes on behind
the last of these, asks nothing twice and does nothing twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vai_agent_worker.agents import budget, judging, mcp_calls
from vai_agent_worker.agents.budget import Used
from vai_agent_worker.agents.conversation import messages, response_of
from vai_agent_worker.agents.judging import Again, Final
from vai_agent_worker.agents.live_text import LiveText
from vai_agent_worker.agents.marking import data
from vai_agent_worker.agents.toolbox import Offer, Toolbox
from vai_agent_worker.metrics import agent_calls, agent_steps
from vai_common.db import dump_json, load_json
from vai_common.errors import ErrorCode, Permanent
from vai_common.messages.bell import Bell
from vai_common.queries import Queries, Row
from vai_records.agents import turns as kept
from vai_records.agents.definition import AgentDefinition
from vai_records.agents.tools import NotAllowed
from vai_records.agents.turns import Answered, Turn, was_made
from vai_records.definitions.call_agent import CallAgent as Definition
from vai_records.refused import Refused
from vai_records.runs import checkpoints, orders, statements
from vai_records.runs.new_run import NewRun, own_key
from vai_records.runs.orders import Customer
from vai_records.secrets.keys import SecretError
from vai_records.threads.history import Earlier
from vai_worker.children.link import Stop
from vai_worker.kind import Park
from vai_worker.models.clients import ModelClients
from vai_worker.models.opened import OpenModel, Said, opened
from vai_worker.models.outputs import output_tool
from vai_worker.owned import Owned

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ToolCallPart
    from pydantic_ai.models import ModelRequestParameters

Json = dict[str, Any]


@dataclass(frozen=True)
class _Step:
    """What follows from an answer: `calls` and `results` as they are kept (None: not yet), and the runs to make."""

    calls: list[Json] | None = None
    results: list[Json] | None = None
    new: Sequence[NewRun] = ()
    again: Again | None = None


@dataclass
class Work:
    """One claim's work on an agent's run. `turns` are as written, `earlier` the messages before the question."""

    run: Owned
    bell: Bell
    definition: Definition
    slug: str
    agent: AgentDefinition
    customer: Customer
    toolbox: Toolbox
    models: ModelClients
    turns: list[Turn] = field(default_factory=list)
    earlier: list[Earlier] = field(default_factory=list)

    async def to_its_end(self) -> Json:
        """The run's result. Raises `Park` while calls run, `Stop` where that was asked, `RunError` at a limit."""
        while True:
            if self.run.stop_reason is not None:
                raise Stop
            turn = self.turns[-1] if self.turns else None
            if turn is None or turn.results is not None:
                self._check()
                await self._ask()
            elif turn.calls is not None:
                await self._collect(turn, turn.calls)
            elif (end := judging.end_of(response_of(turn), self.agent)) is not None:
                return self._result(turn, end)
            else:
                await self._decide(turn)

    # Asking ----------------------------------------------------------------------------------------------------------

    def _used(self) -> Used:
        return Used.by(self.turns, self.run.started_at)

    def _last_text(self) -> str:
        return (response_of(self.turns[-1]).text or "") if self.turns else ""

    def _check(self) -> None:
        vain = judging.vain_in_a_row(self.turns)
        if len(vain) >= judging.MOST_VAIN:
            last = [result["text"] for result in vain[-1].results or []]
            text = f"Nothing could be done with {len(vain)} answers of the model in a row; of the last: {last[0]}"
            details = {"agent": self.slug, "reached": self._used().as_json()}
            raise Permanent(ErrorCode.DATA_ERROR, text[:2_000], details)
        budget.check(self.agent.limits, self._used(), self._last_text())

    async def _ask(self) -> None:
        number = len(self.turns) + 1
        offered = self.toolbox.characters
        told = (self.agent, self.definition, self.turns, offered, self.earlier)
        conversation, shortened = await asyncio.to_thread(messages, *told)
        if shortened.happened:
            about = {"turn": number, "cut": shortened.cut}
            await self.run.log("conversation_shortened", shortened.in_words, about, "warning")
        live = LiveText(self.run, number)
        async with opened(self.run, self.agent.model, self.models) as model:
            try:
                said = await self._said(model, conversation, number, live)
                step = await self._write_answer(model, number, said)
            finally:
                await live.end()
        await self._tell_answer(self.turns[-1])
        await self._tell_step(self.turns[-1], step)

    async def _said(
        self, model: OpenModel, conversation: "Sequence[ModelMessage]", number: int, live: LiveText
    ) -> Said:
        parameters = self._parameters()
        try:
            async with asyncio.timeout(self._seconds_left()):
                return await model.say(conversation, parameters, once=f"{self.run.id}-{number}", on_text=live.add)
        except TimeoutError:
            most = self.agent.limits.seconds
            raise budget.over("seconds", most, self._used(), self._last_text(), ErrorCode.TIMEOUT) from None

    def _seconds_left(self) -> float:
        return max(0.001, self.agent.limits.seconds - self._used().seconds)

    def _parameters(self) -> "ModelRequestParameters":
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.tools import ToolDefinition

        tools = [
            ToolDefinition(name=offer.name, description=offer.description, parameters_json_schema=offer.schema)
            for offer in self.toolbox.offers.values()
        ]
        schema = self.agent.output_schema
        outputs = [] if schema is None else [output_tool(dict(schema))]
        return ModelRequestParameters(
            function_tools=tools,
            output_tools=outputs,
            output_mode="tool" if outputs else "text",
            allow_text_output=not outputs,
        )

    async def _write_answer(self, model: OpenModel, number: int, said: Said) -> _Step:
        """Writes an answer together with what follows from it. If that cannot be found out, the answer alone."""
        name = model.choice.name
        answer = load_json(dump_json(judging.stored(said.response)))  # as another worker would read it
        new = Answered(number, name, answer, said.input_tokens, said.output_tokens, said.dollars)
        self.turns.append(new.as_turn())
        try:
            step = await self._follows(self.turns[-1])
        except Exception:
            await self._write(_Step(), partial(self._answered, new), partial(model.count, said=said))
            await self._tell_answer(self.turns[-1])
            raise
        return await self._write(step, partial(self._answered, new), partial(model.count, said=said))

    async def _answered(self, new: Answered, conn: Queries, step: _Step) -> None:
        await kept.answered(conn, self.run.id, new, step.calls, step.results)
        agent_steps.inc()

    async def _tell_answer(self, turn: Turn) -> None:
        calls = [{"id": one.tool_call_id, "tool": one.tool_name} for one in response_of(turn).tool_calls]
        told = {"turn": turn.turn, "model": turn.model, "input_tokens": turn.input_tokens,
                "output_tokens": turn.output_tokens, "dollars": turn.dollars, "calls": calls}  # fmt: skip
        await self.run.log("model_answered", _answered_in_words(turn.model, calls), told)

    # Deciding --------------------------------------------------------------------------------------------------------

    async def _decide(self, turn: Turn) -> None:
        """For an answer that was written alone: its calls are made and written."""
        step = await self._write(await self._follows(turn), partial(self._called, turn))
        await self._tell_step(self.turns[-1], step)

    async def _called(self, turn: Turn, conn: Queries, step: _Step) -> None:
        if step.calls is not None:
            await kept.called(conn, self.run.id, turn.turn, step.calls)
        if step.results is not None:
            await kept.came_to(conn, self.run.id, turn.turn, step.results)

    async def _follows(self, turn: Turn) -> _Step:
        """What follows from an answer. Nothing is done yet, and nothing written."""
        judged = judging.judge(response_of(turn), self.agent)
        if isinstance(judged, Final):
            return _Step()
        if isinstance(judged, Again):
            self._check_output(judged)
            return _Step([], [{"text": text, "failed": True} for text in judged.texts], again=judged)
        budget.check_calls(self.agent.limits, self._used(), len(judged), self._last_text())
        planned, new = await self._plan(turn, judged)
        refused = [_result_of(call, None) for call in planned] if not any(map(was_made, planned)) else None
        return _Step(planned, refused, new)

    def _check_output(self, judged: Again) -> None:
        tries = len(judging.vain_in_a_row(self.turns[:-1])) + 1
        if judged.is_output and tries >= judging.MOST_VAIN:
            text = f"The agent gave no answer that fits its schema, {tries} times: {judged.why}."
            details = {"agent": self.slug, "reached": self._used().as_json()}
            raise Permanent(ErrorCode.DATA_ERROR, text[:2_000], details)

    async def _plan(self, turn: Turn, calls: "Sequence[ToolCallPart]") -> tuple[list[Json], list[NewRun]]:
        planned: list[Json] = []
        new: list[NewRun] = []
        for place, call in enumerate(calls):
            known = {"id": call.tool_call_id, "tool": call.tool_name[:200], "arguments": judging.shown(call.args)}
            try:
                if place >= judging.MOST_AT_ONCE:
                    raise NotAllowed(f"at most {judging.MOST_AT_ONCE} calls are made at once; call it again alone")
                offer = self.toolbox.named(call.tool_name)
                if offer.mcp is not None:
                    self.toolbox.sent(offer, call.args)
                    planned.append({**known, "mcp": offer.mcp.mark()})
                    continue
                made = await self._made(turn, place, offer, call)
                new.append(made)
                planned.append({**known, "run_id": str(made.id)})
            except NotAllowed as refusal:
                planned.append({**known, "refused": str(refusal)[:2_000]})
        return planned, new

    async def _made(self, turn: Turn, place: int, offer: Offer, call: "ToolCallPart") -> NewRun:
        """The run of a call. Raises `NotAllowed`."""
        order = await self.toolbox.order(offer, call.args)
        definition = dict(order.definition)
        if definition.get("requires_approval") is True:
            given = definition.get("approval_timeout_seconds")
            left = max(1.0, self._seconds_left())
            definition["approval_timeout_seconds"] = min(left, given) if isinstance(given, int | float) else left
        key = own_key("agent", self.run.id, turn.turn, place)
        order = replace(order, definition=definition, parent_run_id=self.run.id, idempotency_key=key)
        try:
            return await orders.make(self.run.pool, self.run.keyring, self.customer, order)
        except Refused as error:
            raise NotAllowed(error.message) from None
        except SecretError:
            raise NotAllowed("what the tool keeps secret cannot be read; a person must look at it") from None

    async def _write(
        self,
        step: _Step,
        write: Callable[[Queries, _Step], Awaitable[None]],
        count: Callable[[Queries], Awaitable[None]] | None = None,
    ) -> _Step:
        """One transaction: what `write` writes of the step, and the runs of its calls. The step as it was written.

        Counting comes last: all runs of the organisation that ask the same model count in the same row.
        """
        number = self.turns[-1].turn
        async with self.run.guarded() as conn:
            asked = await conn.fetchval("SELECT control FROM runs WHERE id = $1", self.run.id)
            if asked == "cancel" and step.calls:  # its children were looked for before these were made
                self.run.stop_reason = asked
                step = _Step()
            await write(conn, step)
            if step.new:
                await statements.create(conn, step.new)
            await checkpoints.save(conn, self.run.id, {"turn": number, "calls": len(step.calls or [])})
            if count is not None:
                await count(conn)
        self.run.advanced = True
        for one in step.new:
            word, rung = one.ring
            self.bell.ring(word, [rung])
        self.turns[-1] = replace(self.turns[-1], calls=step.calls, results=step.results)
        return step

    async def _tell_step(self, turn: Turn, step: _Step) -> None:
        for call in step.calls or []:
            await self._tell_call(turn, call)
        if step.again is not None:
            text = f"The model is asked again: {step.again.why}."
            await self.run.log("answer_refused", text[:500], {"turn": turn.turn}, "warning")

    async def _tell_call(self, turn: Turn, call: Json) -> None:
        about = {"turn": turn.turn, "call_id": call["id"], "tool": call["tool"]}
        if was_made(call):
            agent_calls.labels(outcome="made").inc()
            await self.run.log("tool_called", f"Calls {call['tool']}", {**about, **_whose(call)})
        else:
            agent_calls.labels(outcome="refused").inc()
            text = f"The call of {call['tool']} is refused: {call['refused']}"
            await self.run.log("tool_refused", text[:500], about, "warning")

    # Results ---------------------------------------------------------------------------------------------------------

    async def _collect(self, turn: Turn, calls: list[Json]) -> None:
        """Writes what the calls came to. Raises `Park` while one of them runs; those of MCP servers are made here."""
        asked = [part.args for part in response_of(turn).tool_calls]
        calls = await mcp_calls.called(self.run, self.toolbox, turn, calls, asked, self._seconds_left())
        self.turns[-1] = turn = replace(turn, calls=calls)
        found = await kept.children(self.run.pool, [UUID(call["run_id"]) for call in calls if "run_id" in call])
        live = [row["id"] for row in found.values() if row["phase"] != "done"]
        if live:
            tools = sorted({call["tool"] for call in calls if call.get("run_id") in {str(one) for one in live}})
            raise Park(live[0], f"Waiting for {len(live)} call{'s' * (len(live) > 1)}: {', '.join(tools)}")
        results = [_result_of(call, found.get(UUID(call["run_id"])) if "run_id" in call else None) for call in calls]
        await self._write_results(turn, results)
        for call in calls:
            if "mcp" in call:
                status = kept.status_of(call)
                about = {"turn": turn.turn, "call_id": call["id"], "tool": call["tool"], **_whose(call)}
                await self.run.log("tool_ended", f"{call['tool']}: {status}", {**about, "status": status})
            elif "run_id" in call:
                row = found.get(UUID(call["run_id"]))
                status = row["status"] if row else "gone"
                about = {"turn": turn.turn, "call_id": call["id"], "tool": call["tool"], "run_id": call["run_id"]}
                await self.run.log("tool_ended", f"{call['tool']}: {status}", {**about, "status": status})

    async def _write_results(self, turn: Turn, results: list[Json]) -> None:
        async with self.run.guarded() as conn:
            await kept.came_to(conn, self.run.id, turn.turn, results)
        self.turns[-1] = replace(self.turns[-1], results=results)

    def _result(self, turn: Turn, end: Final) -> Json:
        used = self._used()
        return {
            "agent": self.slug,
            "answer": end.text or None,
            "output": end.output,
            "model": turn.model,
            **used.as_json(),
        }


def _answered_in_words(name: str, calls: list[Json]) -> str:
    tools = ", ".join(str(call["tool"])[:100] for call in calls[:10])
    return f"{name} answered" + (f" and calls {tools}" if tools else "")


def _whose(call: Json) -> Json:
    """Who does a call: its run, or the connection of an MCP server."""
    return {"run_id": call["run_id"]} if "run_id" in call else {"connection": call["mcp"]["connection"]}


def _result_of(call: Json, row: Row | None) -> Json:
    """What the model reads of a call."""
    if "refused" in call:
        return {"text": f"Refused: {call['refused']}", "failed": True}
    if "came_to" in call:
        return dict(call["came_to"])
    if row is None:
        return {"text": data(call["tool"], {"status": "gone"}), "failed": True}
    said: Json = {"status": row["status"]}
    if row["status"] == "completed":
        said["result"] = row["result"]
    elif row["error"]:
        said["error"] = {"code": row["error"].get("code"), "message": row["error"].get("message")}
    return {"text": data(call["tool"], said), "failed": row["status"] != "completed"}
