"""Both clients against a server on a real socket: answers, paging, waiting, errors, and what is sent again."""

import inspect
import pydoc
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse

from vai import (
    ApiError,
    AsyncClient,
    Client,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
)
from vai.async_groups import AsyncGroup
from vai.groups import Group


class Sleeper:
    """Sleeps that are written down instead of slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def blocking(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def waiting(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture(params=["blocking", "asynchronous"])
async def client(request: pytest.FixtureRequest, platform: Any, sleeper: Sleeper) -> AsyncIterator[Any]:
    if request.param == "blocking":
        with Client(platform.url, platform.key, sleep=sleeper.blocking) as blocking:
            yield blocking
    else:
        async with AsyncClient(platform.url, platform.key, sleep=sleeper.waiting) as waiting:
            yield waiting


async def told(answer: Any) -> Any:
    """The answer of either client."""
    return await answer if inspect.isawaitable(answer) else answer


async def every(items: Any) -> list[Any]:
    """All items of an iterator of either client."""
    return list(items) if isinstance(items, Iterable) else [item async for item in items]


async def test_a_run_is_created_with_the_key_and_comes_back_typed(client: Any, platform: Any) -> None:
    run = await told(client.runs.create("dlt_extract", {"source": "sample"}))
    assert (run.kind, run.status, run.definition, run.ended) == ("dlt_extract", "pending", {"source": "sample"}, False)
    assert platform.seen[0].headers["authorization"] == f"Bearer {platform.key}"
    assert platform.seen[0].headers["user-agent"].startswith("vai-client/")


async def test_a_deleted_run_gives_nothing(client: Any, platform: Any) -> None:
    assert await told(client.runs.delete(platform.add_run()["id"])) is None


async def test_actions_and_connections_come_back_typed(client: Any, platform: Any) -> None:
    action = await told(client.actions.create("dlt_extract", "Orders", {"source": "shopify"}))
    shop = await told(client.connections.create("shopify", "Shop", credentials={"token": "secret"}))
    assert (await told(client.actions.get(action.id))) == action
    assert (await told(client.actions.by_slug("orders"))).id == action.id
    assert (await told(client.actions.run(action.id, {"resources": ["orders"]}))).action_id == action.id
    assert shop.has_credentials
    assert (await told(client.connections.test(shop.id))).ok


async def test_filters_travel_as_repeated_parameters(client: Any, platform: Any) -> None:
    await told(client.runs.list(status=["failed", "running"], kind="dlt_extract", limit=5))
    expected = [("status", "failed"), ("status", "running"), ("kind", "dlt_extract"), ("limit", "5"), ("offset", "0")]
    assert platform.seen[0].query == expected


async def test_iterating_reads_page_after_page(client: Any, platform: Any) -> None:
    made = [platform.add_run()["id"] for _ in range(7)]
    assert [run.id for run in await every(client.runs.iterate(limit=3))] == made[::-1]
    assert len(platform.seen) == 3


async def test_a_run_that_slips_to_the_next_page_while_it_is_read_comes_once(client: Any, platform: Any) -> None:
    made = [platform.add_run()["id"] for _ in range(5)]
    first = await told(client.runs.list(limit=3))
    platform.add_run()
    second = await told(client.send(first.next))
    assert [run.id for run in first.items + second.items] == made[::-1]
    assert second.next is None


async def test_a_whole_log_is_read_by_its_cursor_from_a_level_up(client: Any, platform: Any) -> None:
    run = platform.add_run()
    for place in range(9):
        platform.add_log(run, "tick", str(place), "warning" if place % 2 else "info")
    entries = await every(client.logs.iterate(run["id"], limit=2, level="warning"))
    assert [entry.message for entry in entries] == ["1", "3", "5", "7"]
    assert ("after", entries[1].id) in platform.seen[1].query


async def test_waiting_holds_one_request_until_the_run_has_ended(client: Any, platform: Any) -> None:
    run = platform.add_run(status="running")
    looks = iter(range(5))
    platform.on_look = lambda held: platform.end(held) if next(looks, None) is None else None
    assert (await told(client.runs.wait(run["id"]))).succeeded
    assert [each.headers["prefer"] for each in platform.seen] == ["wait=60"]


async def test_a_server_that_does_not_hold_the_answer_is_asked_every_half_second(
    client: Any, platform: Any, sleeper: Sleeper
) -> None:
    platform.holds = False
    run = platform.add_run(status="running")
    looks = iter(range(3))
    platform.on_look = lambda held: platform.end(held, "failed") if next(looks, None) is None else None
    assert (await told(client.runs.wait(run["id"]))).status == "failed"
    assert sleeper.slept == [0.5, 0.5, 0.5]


async def test_when_the_time_is_up_the_run_comes_back_as_it_stands(client: Any, platform: Any) -> None:
    platform.holds = False
    assert (await told(client.runs.wait(platform.add_run(status="running")["id"], 0.01))).status == "running"


async def test_a_server_that_is_updated_while_somebody_waits_is_waited_for(
    client: Any, platform: Any, sleeper: Sleeper
) -> None:
    platform.holds = False
    run = platform.add_run(status="running")
    looks = iter(range(1))

    def work(held: Any) -> None:
        if next(looks, None) is None:
            platform.end(held)
            return
        for _ in range(5):
            platform.refuse(503, "draining")

    platform.on_look = work
    assert (await told(client.runs.wait(run["id"]))).succeeded
    assert sleeper.slept == [0.5, 2.0, 2.0, 2.0, 2.0, 2.0]


async def test_waiting_for_a_run_on_a_server_that_never_answered_is_given_up_at_once(
    client: Any, platform: Any, sleeper: Sleeper
) -> None:
    platform.refuse(503, "starting")
    with pytest.raises(Unavailable):
        await told(client.runs.wait(platform.add_run()["id"]))
    assert sleeper.slept == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (418, ApiError),
        (422, Invalid),
        (429, TooManyRequests),
        (500, ServerFault),
        (503, Unavailable),
    ],
)
async def test_each_refusal_is_its_own_exception_with_the_lines_of_the_body(
    client: Any, platform: Any, status: int, kind: type[ApiError]
) -> None:
    platform.refuse(status, "is needed", "body", "definition", "sources", 0)
    with pytest.raises(ApiError) as caught:
        await told(client.runs.create("dlt_extract"))
    assert type(caught.value) is kind
    assert [str(line) for line in caught.value.detail] == ["definition.sources.0: is needed"]
    assert str(caught.value) == f"{status}: definition.sources.0: is needed"


async def test_a_page_of_a_proxy_is_told_in_one_line(client: Any, platform: Any) -> None:
    platform.replies.append(PlainTextResponse("<h1>Bad\n   gateway</h1>", 502))
    with pytest.raises(ServerFault, match="502: <h1>Bad gateway</h1>"):
        await told(client.runs.create("noop"))


async def test_an_answer_that_is_no_json_and_a_redirect_are_refused(client: Any, platform: Any) -> None:
    platform.replies.extend([PlainTextResponse("hello"), RedirectResponse("http://elsewhere.example/")])
    with pytest.raises(UnexpectedAnswer, match="not JSON"):
        await told(client.runs.list())
    with pytest.raises(UnexpectedAnswer, match="redirected to http://elsewhere"):
        await told(client.runs.list())


async def test_a_list_without_its_keys_is_refused_in_words(client: Any, platform: Any) -> None:
    platform.replies.append(PlainTextResponse('{"runs": []}'))
    with pytest.raises(UnexpectedAnswer, match="not a list of runs"):
        await told(client.runs.list())


async def test_a_busy_server_is_asked_again_when_it_said(client: Any, platform: Any, sleeper: Sleeper) -> None:
    run = platform.add_run()
    platform.refuse(503, "busy", Retry_After="2")
    platform.refuse(503, "busy", Retry_After="3")
    assert (await told(client.runs.get(run["id"]))).id == run["id"]
    assert sleeper.slept == [2.0, 3.0]


async def test_a_busy_server_that_says_no_time_or_a_long_one_is_not_asked_again(
    client: Any, platform: Any, sleeper: Sleeper
) -> None:
    platform.refuse(503, "busy")
    platform.refuse(503, "busy", Retry_After="3600")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await told(client.runs.list())
    assert sleeper.slept == []


async def test_a_creation_is_sent_again_only_with_an_idempotency_key(client: Any, platform: Any) -> None:
    platform.refuse(503, "busy", Retry_After="1")
    with pytest.raises(Unavailable) as caught:
        await told(client.runs.create("noop"))
    assert caught.value.retry_after == 1.0
    platform.refuse(503, "busy", Retry_After="1")
    assert (await told(client.runs.create("noop", idempotency_key="once"))).idempotency_key == "once"
    assert len(platform.seen) == 3


async def test_a_server_that_is_not_there_is_tried_four_times_for_a_read_and_once_for_a_change(
    sleeper: Sleeper,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with Client(url, "key", sleep=sleeper.blocking) as client:
        with pytest.raises(ServerUnreachable, match=f"no answer from {url}"):
            client.runs.create("noop")
        assert sleeper.slept == []
        with pytest.raises(ServerUnreachable):
            client.runs.list()
    assert len(sleeper.slept) == 3
    assert sleeper.slept == sorted(sleeper.slept)


async def test_a_read_whose_connection_breaks_is_sent_again(sleeper: Sleeper) -> None:
    body = b'{"runs": [], "hasNext": false, "total": 0}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with raw_server([b"", b"", answer]) as url, Client(url, "key", sleep=sleeper.blocking) as client:
        assert client.runs.list().total == 0
    assert len(sleeper.slept) == 2


@contextmanager
def raw_server(answers: list[bytes]) -> Iterator[str]:
    """Gives each connection its answer, which may be nothing at all, and closes it."""

    def serve() -> None:
        for answer in answers:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_the_key_is_in_no_exception_and_no_repr(platform: Any) -> None:
    with Client(platform.url, "vai_wrong_key") as client, pytest.raises(Unauthorized) as caught:
        client.runs.list()
    assert "vai_wrong_key" not in f"{caught.value!r}{client!r}"


def groups_of(client: Any) -> dict[str, Any]:
    """The groups of methods of either client."""
    return {name: value for name, value in vars(client).items() if isinstance(value, Group | AsyncGroup)}


def test_help_shows_what_a_method_takes_and_gives() -> None:
    with Client("http://127.0.0.1:1", None) as client:
        shown = pydoc.plain(pydoc.render_doc(client.runs.create)).splitlines()[2]
        assert shown.startswith("create(kind: str, definition: dict[str, typing.Any] | None = None, *, idempotency_key")
        assert "-> vai.models.answers.Run" in shown
        for group in groups_of(client).values():
            for name in (each for each in dir(group) if each[0] != "_"):
                signature = inspect.signature(getattr(group, name))
                assert "Call[" not in str(signature.return_annotation), name
                assert getattr(group, name).__name__ == name
                assert getattr(group, name).__doc__, name


def test_both_clients_have_the_same_methods() -> None:
    blocking, waiting = Client("http://127.0.0.1:1", None), AsyncClient("http://127.0.0.1:1", None)
    for name, group in groups_of(blocking).items():
        ours, theirs = (
            {each: inspect.signature(getattr(one, each)).parameters for each in dir(one) if each[0] != "_"}
            for one in (group, groups_of(waiting)[name])
        )
        assert ours == theirs
    blocking.close()
