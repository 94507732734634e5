"""The main job, end to end on real data: `make demo`, or `python -m examples.demo`.

Without a terminal it ends when all is shown; with one it stays up, so that its last words can be tried. It stops the
stack that it started, and leaves one alone that was there.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.console import Console
from rich.text import Text

from examples.demo import flights_api, following, ground, pipeline, showing
from examples.demo.errors import DemoFailed
from examples.demo.flights_api import DataMissing, FlightsApi
from examples.demo.ground import Ground
from examples.demo.listening import Heard, Listener
from vai import Action, AsyncClient, Connection, Run, VaiError
from vai.cli.show import output

EVENT_SECONDS = 15.0
"""How long the last events are waited for."""


async def demo(console: Console) -> None:
    """All of it. Raises DemoFailed, DataMissing or VaiError."""
    console.print(Text("Which weather delays New York's flights? The first quarter of 2013, end to end.", "bold"))
    with flights_api.serving() as api:
        async with ground.standing(_teller(console)) as stack, ground.private_addresses_allowed(stack):
            _tell_ground(console, stack, api)
            async with AsyncClient(stack.api_url, stack.api_key) as client:
                await _run_pipeline(console, client, stack, api)
            if console.is_terminal:
                await _stay(console, stack)
            else:
                console.print(Text("\nAll of it worked. On a terminal make demo stays up, for you to go on."))


def _teller(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(Text(f"  {line}", "dim"))


def _tell_ground(console: Console, stack: Ground, api: FlightsApi) -> None:
    how = f"started in {stack.seconds:.1f} s" if stack.ours else "was running, and is left running"
    console.print(Text(f"  platform  {stack.api_url} ({how})"))
    console.print(Text(f"  source    {api.base_url} (a paged API with a bearer token, served by this demo)"))


async def _run_pipeline(console: Console, client: AsyncClient, stack: Ground, api: FlightsApi) -> None:
    connection = await pipeline.save_connection(client, api)
    actions = [await pipeline.save_action(client, step, connection) for step in pipeline.STEPS]
    async with Listener(stack.kafka) as listener:
        showing.heading(console, "Bronze, silver, gold", f"connection {connection.slug}, 4 actions")
        runs = await _run_all(console, client, actions)
        heard = await listener.until(_complete(connection, runs), EVENT_SECONDS)
    showing.heading(console, "gold.delays_by_weather", "join over origin and hour, rank() within each airport")
    showing.print_gold(console, runs[-1])
    showing.heading(console, "The extraction's log", f"vai actions logs {runs[0].id}")
    await showing.print_log(console, client, runs[0])
    showing.heading(console, "What a Kafka consumer received", f"{stack.kafka}, protobuf, decoded")
    names = {run.id: action.slug for run, action in zip(runs, actions, strict=True)}
    showing.print_events(console, heard, {connection.id: connection.slug, **names})


async def _run_all(console: Console, client: AsyncClient, actions: Sequence[Action]) -> list[Run]:
    """One run of each action: the extraction, then both silver tables at once, then gold."""
    extract, *silver, gold = actions
    with following.board(console) as shown:
        first = await following.run_action(client, extract, shown)
        middle = await asyncio.gather(*(following.run_action(client, action, shown) for action in silver))
        return [first, *middle, await following.run_action(client, gold, shown)]


def _complete(connection: Connection, runs: Sequence[Run]) -> Callable[[Sequence[Heard]], bool]:
    """Whether each run's end was heard, and that the connection has data."""
    wanted = {(run.id, "action.completed") for run in runs} | {(connection.id, "connection.data_available")}
    return lambda heard: wanted <= {(each.subject, each.topic) for each in heard}


async def _stay(console: Console, stack: Ground) -> None:
    ending = "stops the demo and its stack" if stack.ours else "ends the demo; the stack runs on"
    showing.heading(console, "Now try", f"in another terminal; Ctrl-C here {ending}")
    for line in (
        ".venv/bin/vai runs",
        ".venv/bin/vai actions run demo-extract",
        "make status",
        f"open {stack.api_url}/docs",
        f"less {pipeline.__file__}",
    ):
        console.print(Text(f"  {line}"))
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def _main(console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await demo(console)
    except (DemoFailed, DataMissing, VaiError) as error:
        advice = getattr(error, "advice", "") or "make logs shows the services' logs; make demo tries again"
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            Text(f"\nThe demo did not get through: {error}\nWhat to do: {advice}", "red")
        )
        return 1
    return 0


def main() -> int:
    """Run the demo; the exit code: 0, 1 where it failed, 130 where it was interrupted."""
    console = output()
    try:
        return asyncio.run(_main(console))
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143


if __name__ == "__main__":
    sys.exit(main())
