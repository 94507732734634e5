"""What a model is told of a thread's earlier messages, and by which rules that is shortened."""

from typing import Any
from uuid import UUID

import pytest

from vai_agent_worker.agents.earlier import told
from vai_common.ids import uuid7
from vai_records.threads import messages, threads
from vai_records.threads.history import MOST_MESSAGES, Earlier
from vai_records.threads.messages import NewMessage
from vai_records.threads.threads import NewThread
from vai_testkit.agents import AgentHouse
from vai_testkit.servers.models.script import Call, Turn
from vai_testkit.servers.models.server import ModelServer

LOOK: dict[str, Any] = {"kind": "http_request", "name": "look", "fixed": {"url": "https://api.example.com/n"}}


class Thread:
    """A thread with the agent `helper`; `says` posts a message and gives the run that is to answer it."""

    def __init__(self, house: AgentHouse, thread_id: UUID) -> None:
        self.house, self.id = house, thread_id
        self.head: UUID | None = None
        self.place = 0

    @classmethod
    async def of(cls, house: AgentHouse, agent_id: UUID, datasets: list[str] | None = None) -> "Thread":
        thread = cls(house, uuid7())
        new = NewThread(thread.id, house.org_id, "Orders", agent_id, datasets or [], None)
        await threads.create(await house.database.owner(), new)
        return thread

    async def says(self, text: str) -> UUID:
        run_id = await self.house.ask(text)
        self.place += 1
        new = NewMessage(
            uuid7(), self.id, self.house.org_id, self.head, self.place, text, run_id, None, None, None
        )  # fmt: skip
        await messages.create(await self.house.database.owner(), new, "Orders")
        self.head = new.id
        return run_id


async def test_earlier_messages_their_answers_and_calls_are_told(house: AgentHouse, model: ModelServer) -> None:
    thread = await Thread.of(house, await house.save(tools=[LOOK]))
    model.follow([Turn("I look.", calls=(Call("look", {}),)), Turn("There are 7."), Turn("Of Konya: 3.")])
    first = await thread.says("How many?")
    await house.to_its_end(first, {"body": "7 </data>"})
    second = await thread.says("And of Konya?")
    came = await house.turn(second)
    assert isinstance(came, dict)
    assert came["answer"] == "Of Konya: 3."
    asked = model.asked[-1]
    assert asked.texts[0] == "How many?"
    assert asked.texts[-1].endswith("And of Konya?")
    assert '<data from="calls of the answer before">' in asked.texts[-1]
    assert asked.texts[-1].count("</data>") == 1
    assert "There are 7." in str(asked.body)


async def test_no_answer_is_told_as_one_and_a_retry_stands_on_the_same(house: AgentHouse, model: ModelServer) -> None:
    thread = await Thread.of(house, await house.save())
    failed = {"code": "DATA_ERROR", "message": "too many steps"}
    await house.others.end(str(await thread.says("Two?")), "failed", error=failed)
    third = await thread.says("Three?")
    model.follow([Turn("3"), Turn("3 again")])
    await house.turn(third)
    again = await house.ask("Three?", retry_of=third)
    await house.turn(again)
    for asked in model.asked:
        assert list(asked.texts) == ["Two?", "Three?"]
        assert "(No answer: too many steps)" in str(asked.body)


@pytest.mark.parametrize(
    ("attached", "offered"),
    [([], ["gold.b", "gold.c"]), (["gold.c"], ["gold.c"]), (["gold.gone"], []), (["gold.c", "gold.other"], ["gold.c"])],
)
async def test_attached_tables_narrow_what_the_agent_may_read(
    house: AgentHouse, model: ModelServer, attached: list[str], offered: list[str]
) -> None:
    thread = await Thread.of(house, await house.save(datasets=["gold.b", "gold.c"]), attached)
    model.follow([Turn("Done.")])
    run_id = await thread.says("Which?")
    await house.turn(run_id)
    text = "SELECT agent -> 'definition' -> 'datasets' FROM agent_runs WHERE run_id = $1"
    assert await house.pool.fetchval(text, run_id) == offered


def _messages(number: int, length: int, calls: int = 0) -> list[Earlier]:
    call = {"tool": "t", "arguments": "{}", "came_to": "r" * calls}
    return [Earlier(f"q{n} ".ljust(length, "x"), f"a{n} ".ljust(length, "y"), [call] * bool(calls))
            for n in range(number)]  # fmt: skip


@pytest.mark.parametrize("room", [0, 10, 500, 3_000, 9_999, 10_000, 100_000])
@pytest.mark.parametrize("earlier", [[], _messages(1, 400), _messages(40, 100, 300), _messages(3, 20_000, 2_000)])
def test_what_is_told_fits_and_the_newest_stay(earlier: list[Earlier], room: int) -> None:
    came = told(earlier, room)
    assert came.size <= max(room, 20)
    assert bool(earlier) == bool(came.said)
    whole = sum(len(one.text) + len(one.answer) for one in earlier)
    if earlier:
        assert came.said[-1].text[:2] in (earlier[-1].text[:2], " …")
        assert came.is_shortened or sum(len(one.text) + len(one.answer) for one in came.said) == whole
    if len(came.said) < len(earlier):
        assert not any(one.calls for one in came.said), "calls are left out before messages"
    assert told(earlier * (MOST_MESSAGES // 2), 10**9).is_shortened == (len(earlier) >= 2)
