"""Saves the automation, triggers it once by hand, approves what it asks, and shows how it ended.

make up DETACH=1
.venv/bin/python -m examples.orders_every_morning
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples import webhook
from examples.orders_every_morning.automation import SLUG, automation
from vai import AsyncClient, Automation, AutomationRun, NotFound, Run, VaiError
from vai.cli.screen.show import clean, log_line, moment, notes, output
from vai.cli.screen.steps import drawing
from vai.cli.settings import find_settings

GATE = "approve"
LOOK_SECONDS = 0.1
ADVICE = "A stack is needed: make up DETACH=1"
OUT = output()


async def example(client: AsyncClient, hook: str, svg: Path) -> AutomationRun:
    """All of it. Raises VaiError."""
    saved = await save(client, automation(hook))
    _say(f"saved {saved.slug}: {saved.trigger['schedule']} in {saved.trigger['timezone']}")
    _say(f"next by its schedule: {moment(saved.next_run_at)}, your time. It stays; this once is by hand.\n")
    run = await client.automations.trigger(saved.id, {"rows": 500})
    async for entry in client.automation_runs.stream(run.id):
        OUT.print(log_line(entry))
        if entry.event == "step_started" and entry.data["step"] == GATE:
            await approve(client, run, entry.data["runId"])
    run = await client.automation_runs.wait(run.id)
    _show(saved, run, write(svg, await client.automation_runs.graph(run.id, "svg")))
    return run


async def save(client: AsyncClient, body: dict[str, Any]) -> Automation:
    """A new one, or the one that is there, as `body` says."""
    try:
        known = await client.automations.by_slug(SLUG)
    except NotFound:
        return await client.automations.create(body)
    return await client.automations.update(known.id, body)


async def approve(client: AsyncClient, automation_run: AutomationRun, run_id: str) -> None:
    """The part of a person: sees that the gate waits, and says yes. `vai approve RUN` does the same."""
    gate = await _waiting(client, run_id)
    stands = await client.automation_runs.get(automation_run.id)
    left = [step.key for step in stands.steps if step.state == "waiting"]
    _say(f"\n{gate.definition['title']} {gate.definition['message']}")
    _say(f"The gate is {gate.display_status}; so long these wait: {', '.join(left)}. Approving run {gate.id}\n")
    await client.runs.approve(gate.id)


async def _waiting(client: AsyncClient, run_id: str) -> Run:
    """The gate's run, as soon as it waits for somebody."""
    while True:
        run = await client.runs.get(run_id)
        if run.display_status == "awaiting_approval" or run.ended:
            return run
        await asyncio.sleep(LOOK_SECONDS)


def write(file: Path, svg: str) -> str:
    """Writes the drawing; answers where it lies, seen from here."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(svg, encoding="utf-8")
    return os.path.relpath(file)


def _show(saved: Automation, run: AutomationRun, drawn: str) -> None:
    _say(f"\nautomation run {run.run_id} {run.display_status}; drawn: {drawn}")
    for line in drawing(saved.steps, run):
        OUT.print(line)
    _say(f"\nIt goes on every morning. To stop that: .venv/bin/vai automations pause {saved.slug}")


def _heard(path: str, told: Any) -> None:
    _say(f"  webhook received {clean(path)} {clean(json.dumps(told, ensure_ascii=False))}")


def _say(text: str) -> None:
    OUT.print(text, markup=False)


async def _main(hook: str | None) -> int:
    settings = find_settings(os.environ, Path.cwd())
    svg = Path(os.environ.get("VAI_HOME") or ".vai") / f"{SLUG}.svg"
    async with AsyncClient(settings.api_url, settings.api_key) as client:
        if hook is not None:
            run = await example(client, hook.rstrip("/"), svg)
        else:
            with webhook.receiving(_heard) as own:
                run = await example(client, own, svg)
    return 0 if run.succeeded else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 completed, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.orders_every_morning", description=__doc__)
    parser.add_argument("--webhook", metavar="URL", help="whom to tell; else a server of the example's, while it runs")
    try:
        return asyncio.run(_main(parser.parse_args(arguments).webhook))
    except VaiError as error:
        notes().print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
