"""The main job, end to end on real data: `make demo`, or `python -m examples.demo`.

Without a terminal it ends when all is shown; with one it stays up, so that its last words can be tried. It stops the
stack that it started, and leaves one alone that was there.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from rich.console import Console
from rich.text import Text

from examples import webhook
from examples.demo import flashboard, flights_api, following, ground, pipeline, showing
from examples.demo.errors import DemoFailed
from examples.demo.flights_api import DataMissing, FlightsApi
from examples.demo.ground import Ground
from examples.demo.listening import Heard, Listener
from vai import AsyncClient, Automation, AutomationRun, Connection, VaiError
from vai.cli.screen.show import output

EVENT_SECONDS = 15.0
"""How long the last events are waited for."""


async def demo(console: Console) -> None:
    """All of it. Raises DemoFailed, DataMissing or VaiError."""
    console.print(Text("Which weather delays New York's flights? The first quarter of 2013, end to end.", "bold"))
    with flights_api.serving() as api, webhook.receiving(partial(showing.print_heard, console)) as hook:
        async with ground.standing(_teller(console)) as stack:
            _tell_ground(console, stack, api, hook)
            async with AsyncClient(stack.api_url, stack.api_key) as client:
                await _run_pipeline(console, client, stack, (api, hook))
            if console.is_terminal:
                await _stay(console, stack)
            else:
                console.print(Text("\nAll of it worked. On a terminal make demo stays up, for you to go on."))


def _teller(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(Text(f"  {line}", "dim"))


def _tell_ground(console: Console, stack: Ground, api: FlightsApi, hook: str) -> None:
    how = f"started in {stack.seconds:.1f} s" if stack.ours else "was running, and is left running"
    console.print(Text(f"  platform  {stack.api_url} ({how})"))
    console.print(Text(f"  source    {api.base_url} (a paged API with a bearer token, served by this demo)"))
    console.print(Text(f"  webhook   {hook} (takes what the automation tells, served by this demo)"))


async def _run_pipeline(console: Console, client: AsyncClient, stack: Ground, outside: tuple[FlightsApi, str]) -> None:
    api, hook = outside
    connection = await pipeline.save_connection(client, api)
    automation = await pipeline.save_automation(client, connection, hook)
    steps = f"automation {automation.slug}, {len(automation.steps)} steps"
    showing.heading(console, "Bronze, silver, gold", f"connection {connection.slug}, {steps}")
    async with Listener(stack.kafka) as listener:
        with following.board(console) as shown:
            run = await following.run_automation(client, automation, shown)
        heard = await listener.until(_complete(connection, run), EVENT_SECONDS)
    await _show(console, client, stack, automation, run)
    showing.heading(console, "What a Kafka consumer received", f"{stack.kafka}, protobuf, decoded")
    names = {made.run_id: made.step_key for made in run.action_runs}
    showing.print_events(console, heard, {run.run_id: automation.slug, connection.id: connection.slug, **names})
    link = await flashboard.made(client)
    days = "a day" if flashboard.DAYS == 1 else f"{flashboard.DAYS} days"
    showing.heading(console, "A flashboard of it", f"opens for {days} without signing in, while the platform runs")
    console.print(Text(f"  {link}"))


async def _show(
    console: Console, client: AsyncClient, stack: Ground, automation: Automation, run: AutomationRun
) -> None:
    made = {one.step_key: one for one in run.action_runs}
    showing.heading(console, "gold.delays_by_weather", "join over origin and hour, rank() within each airport")
    showing.print_gold(console, made["gold"])
    showing.heading(console, "Its freshness and lineage", "vai datasets lineage gold.delays_by_weather")
    await showing.print_lineage(console, client, "gold.delays_by_weather")
    showing.heading(console, "The extraction's log", f"vai logs {made['extract'].run_id}")
    await showing.print_log(console, client, made["extract"])
    drawn = showing.write_graph(await client.automation_runs.graph(run.id, "svg"), stack.home / "demo-graph.svg")
    showing.heading(console, "The automation's steps", f"drawn: {drawn}")
    showing.print_steps(console, automation, run)


def _complete(connection: Connection, run: AutomationRun) -> Callable[[Sequence[Heard]], bool]:
    """Whether each run's end was heard, the automation's, and that the connection has data."""
    wanted = {(made.run_id, "action.completed") for made in run.action_runs}
    wanted |= {(run.run_id, "automation.completed"), (connection.id, "connection.data_available")}
    return lambda heard: wanted <= {(each.subject, each.topic) for each in heard}


async def _stay(console: Console, stack: Ground) -> None:
    ending = "stops the demo and its stack" if stack.ours else "ends the demo; the stack runs on"
    showing.heading(console, "Now try", f"in another terminal; Ctrl-C here {ending}")
    for line in (
        f".venv/bin/vai automations trigger {pipeline.AUTOMATION} --set until=2013-01-31",
        f".venv/bin/vai automations runs {pipeline.AUTOMATION}",
        "make status",
        f".venv/bin/vai open {flashboard.SLUG} --type flashboard",
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
