"""usage: python -m tools.deploy.live dashboards | alerts

dashboards: a stack under load, scraped by a real Prometheus; every query of every panel must answer and move. Writes
.vai/dashboards.html. alerts: real faults on a live stack, until the alerts of each have fired. Without Prometheus both
say that they were not run.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tools.deploy.dashboards.build import DASHBOARDS
from tools.deploy.live import faults
from tools.deploy.live.load import SERVICES, SETTINGS, clients
from tools.deploy.live.page import html, shown
from tools.deploy.live.prometheus import BINARY, MISSING, scraping
from vai_testkit.stack import running_stack

LOAD_SECONDS = 75.0
"""A minute has begun in it, so that a schedule has fired."""

PAGE = Path(__file__).parents[3] / ".vai/dashboards.html"


async def dashboards(folder: Path) -> int:
    """Loads, asks, draws; 1 where a panel has a fault."""
    async with (
        running_stack(folder / "stack", replicas=SERVICES, environment=SETTINGS) as stack,
        scraping(stack, folder / "prometheus") as prometheus,
        clients(stack) as load,
    ):
        first = time.time()
        say(f"a stack of {len(stack.instances)} processes under load for {LOAD_SECONDS:g} s, scraped each second")
        await load.run(LOAD_SECONDS)
        last = time.time()
        pages = {page.uid: await shown(page, prometheus, first, last) for page in DASHBOARDS}
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(html(pages, first, last))
    wrong = 0
    for page in DASHBOARDS:
        panels = pages[page.uid]
        bad = [one for one in panels if one.faults]
        still = [one.panel.title for one in panels if not one.lines]
        wrong += len(bad)
        say(
            f"{page.title}: {len(panels)} panels, {len(bad)} with a fault"
            + (f"; empty: {', '.join(still)}" if still else "")
        )
        for one in bad:
            say(f"   {one.panel.title}: {'; '.join(one.faults)}")
    say(f"every panel as a plot: {PAGE}")
    return 1 if wrong else 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """One of both."""
    jobs = {"dashboards": dashboards, "alerts": faults.alerts}
    if len(arguments) != 1 or arguments[0] not in jobs:
        say("usage: python -m tools.deploy.live dashboards | alerts")
        return 2
    if shutil.which(BINARY) is None:
        say(f"{arguments[0]}: not run, {MISSING}")
        return 0
    with tempfile.TemporaryDirectory(prefix="vai-live-") as folder:
        return asyncio.run(jobs[arguments[0]](Path(folder)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
