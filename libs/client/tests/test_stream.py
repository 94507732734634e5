"""The live log over a real socket: resumed where it broke, without gap or repeat, to its end."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from vai import AsyncClient, Client, NotFound, Retries, ServerUnreachable, Unavailable, UnexpectedAnswer

QUICK = Retries(attempts=3, reopenings=6, first_delay=0.001)


@pytest.fixture(params=["blocking", "asynchronous"])
async def client(request: pytest.FixtureRequest, platform: Any) -> AsyncIterator[Any]:
    if request.param == "blocking":
        with Client(platform.url, platform.key, retries=QUICK) as blocking:
            yield blocking
    else:
        async with AsyncClient(platform.url, platform.key, retries=QUICK) as waiting:
            yield waiting


@pytest.fixture
def run(platform: Any) -> Any:
    """A completed run with five log entries."""
    made = platform.add_run(status="completed")
    for place in range(5):
        platform.add_log(made, "tick", str(place))
    return made


async def messages(stream: Any) -> list[str]:
    entries = list(stream) if isinstance(stream, Iterable) else [entry async for entry in stream]
    return [entry.message for entry in entries]


async def test_a_stream_gives_every_entry_and_ends_with_the_status(client: Any, run: Any) -> None:
    stream = client.logs.stream(run["id"])
    assert await messages(stream) == ["0", "1", "2", "3", "4"]
    assert stream.final_status == "completed"
    assert await messages(stream) == []


async def test_a_stream_starts_after_the_given_entry(client: Any, run: Any, platform: Any) -> None:
    assert await messages(client.logs.stream(run["id"], after=platform.logs[run["id"]][2]["id"])) == ["3", "4"]


@pytest.mark.parametrize("how", ["close", "break"])
async def test_a_stream_that_stops_goes_on_after_the_last_entry(client: Any, run: Any, platform: Any, how: str) -> None:
    platform.pieces.extend([(2, how), (0, how), (1, how)])
    assert await messages(client.logs.stream(run["id"])) == ["0", "1", "2", "3", "4"]
    asked = [each.headers.get("last-event-id") for each in platform.seen]
    assert asked == [None, f"{run['id']}-2", f"{run['id']}-2", f"{run['id']}-3"]


async def test_a_stream_survives_a_busy_server(client: Any, run: Any, platform: Any) -> None:
    platform.refuse(503, "starting", Retry_After="0")
    assert len(await messages(client.logs.stream(run["id"]))) == 5


async def test_a_stream_that_never_gets_further_is_given_up(client: Any, run: Any, platform: Any) -> None:
    platform.pieces.extend([(0, "close")] * 20)
    with pytest.raises(ServerUnreachable, match="stops before its end"):
        await messages(client.logs.stream(run["id"]))
    assert len(platform.seen) == QUICK.reopenings + 1


async def test_a_stream_from_a_server_that_stays_busy_is_given_up(client: Any, run: Any, platform: Any) -> None:
    for _ in range(20):
        platform.refuse(503, "draining", Retry_After="0")
    with pytest.raises(Unavailable):
        await messages(client.logs.stream(run["id"]))
    assert len(platform.seen) == QUICK.attempts + 1


async def test_a_stream_of_an_unknown_run_is_refused_at_once(client: Any, platform: Any) -> None:
    with pytest.raises(NotFound):
        await messages(client.logs.stream("nothing"))
    assert len(platform.seen) == 1


async def test_an_entry_that_is_no_entry_is_refused(client: Any, run: Any, platform: Any) -> None:
    platform.logs[run["id"]] = [{"id": "1", "event": "only"}]
    with pytest.raises(UnexpectedAnswer):
        await messages(client.logs.stream(run["id"]))


def test_entries_arrive_while_the_run_goes_on(platform: Any) -> None:
    run = platform.add_run(status="running")
    platform.add_log(run, "run_started", "first")
    with Client(platform.url, platform.key) as client:
        stream = iter(client.logs.stream(run["id"]))
        assert next(stream).message == "first"  # it would wait without end for one that comes with the run's end
        platform.end(run)
        assert list(stream) == []
