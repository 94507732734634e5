"""The console in a real Chromium: first load, a long list and a long log, following one, a large graph, a flashboard.

It drives Debian's chromium by Playwright (`make test-console` fetches it). Times are medians of a few tries, in a stack
that has a million runs. "From the click": somebody is in the console and presses a link; the browser's own clock counts
from the press until the first frame that shows what was asked for. "From the address": the same in a new page, from the
request for the console's first file on. Files of the console may be in the browser's store, except where it says empty.
"""

import asyncio
import statistics as middle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench.lists import MANY, fill
from bench.measure import Figure
from tests.console.driver import ROOT, NoBrowser, Visit, browser
from tools.console.places import CACHE
from vai_common.db import connect
from vai_common.ids import uuid7
from vai_common.queries import Connection
from vai_devstack.stack import Stack
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.runs.row import ClaimedRun
from vai_testkit.stack import client_of

ENVIRONMENT = {"VAI_CONSOLE": str(ROOT / "console/dist")}
STEPS, TILES, TRIES = 1_000, 12, 5
PER_SECOND, FOLLOWED_SECONDS = 200, 10

_KIND = "file_sync"
"""The followed run is ours: what its log says is what we write."""

ENTRIES = 1_000_000

_FILL_LOG = """
INSERT INTO run_logs (run_id, seq, occurred_at, level, event, message, worker_id, attempt)
SELECT $1, n, now(), (ARRAY['info', 'warning'])[1 + (n % 100 = 0)::int], 'note', 'entry ' || n, 'bench', 1
FROM generate_series(1, $2::int) n
"""

_TILE = "SELECT range % 12 AS month, sum(range) AS total FROM range(1000) GROUP BY ALL ORDER BY 1"
SCREENS = 40
_REST = 0.5
"""Seconds in which a page that is open comes to rest before something is pressed."""

# Milliseconds from the next press until this is true and has been painted.
_WATCH = """() => new Promise((done) => {
    let pressed;
    addEventListener("click", (event) => { pressed = event.timeStamp; }, { capture: true, once: true });
    const look = () => requestAnimationFrame(
        pressed !== undefined && (%s) ? () => done(performance.now() - pressed) : look);
    look();
})"""

# The last row reaches the end of what is in view.
_FILLED = """() => {
    const box = document.querySelector("[aria-label='List of runs']").getBoundingClientRect();
    const ends = [...document.querySelectorAll("[aria-label='List of runs'] li")]
        .map((row) => row.getBoundingClientRect().bottom);
    return Math.max(...ends) >= box.bottom - 2;
}"""
_LOADED = """performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
    .filter(each => !each.name.includes('/api/')).reduce((sum, each) => sum + each.transferSize, 0)"""


async def measure(stack: Stack) -> list[Figure]:
    """The aims are those for two busy cores."""
    sys.path.insert(0, str(CACHE / "browser"))
    try:
        async with _signed_in(stack) as visit:
            await _fill(stack)
            figures = [*await _first_load(visit, stack), await _flashboard(visit, stack), *await _graph(visit, stack)]
            figures.append(await _following(visit, stack))
            return [*figures, *await _long_log(visit, stack), *await _long_list(visit, stack)]
    except (NoBrowser, ModuleNotFoundError) as error:
        return [Figure("nothing was measured", f"{error}: run `make test-console` once")]


@asynccontextmanager
async def _signed_in(stack: Stack) -> AsyncIterator[Visit]:
    async with browser() as chrome:
        context = await chrome.new_context(viewport={"width": 1280, "height": 800})
        visit = Visit(await context.new_page(), stack.api_url)
        await visit.sign_in(stack.api_key)
        yield visit


async def _median(work: Callable[[], Awaitable[float]], tries: int = TRIES) -> float:
    return middle.median([await work() for _ in range(tries)])


async def _until(visit: Visit, path: str, shown: str) -> float:
    """Seconds from the address until this is drawn."""
    await visit.page.goto("about:blank")
    began = perf_counter()
    await visit.page.goto(visit.address + path, wait_until="commit")
    await visit.page.locator(shown).first.wait_for()
    return perf_counter() - began


async def _pressed(visit: Visit, link: Any, shown: str) -> float:
    """Seconds from the press on the link until the expression is true and painted, by the browser's clock."""
    watch = asyncio.ensure_future(visit.page.evaluate(_WATCH % shown))
    await asyncio.sleep(_REST)
    await link.click()
    taken: float = await watch
    return taken / 1e3


async def _fill(stack: Stack) -> None:
    database = await asyncpg.connect(stack.database)
    await fill(database, stack, MANY)
    await database.close()


async def _first_load(visit: Visit, stack: Stack) -> list[Figure]:
    """With nothing in the browser's store."""
    state = await visit.page.context.storage_state()
    chrome = visit.page.context.browser
    loaded: list[float] = []

    async def once() -> float:
        context = await chrome.new_context(viewport={"width": 1280, "height": 800}, storage_state=state)
        fresh = Visit(await context.new_page(), stack.api_url)
        seconds = await _until(fresh, "/", "h1:has-text('Home')")
        await fresh.page.wait_for_load_state("networkidle")
        loaded.append(await fresh.page.evaluate(_LOADED))
        await context.close()
        return seconds

    seconds = await _median(once)
    return [
        Figure("first load, compressed", f"{middle.median(loaded) / 1e3:.0f} kB", "≤ 300 kB"),
        Figure("Home from an empty browser", f"{seconds * 1e3:.0f} ms", "≤ 1,500 ms"),
    ]


async def _following(visit: Visit, stack: Stack) -> Figure:
    """The share of a core that the page takes while a run writes: time that its main thread has worked, without what it
    waited for a core that others had."""
    making, working, owner = (
        await connect(stack.database, "api-gateway"),
        await connect(stack.database, "agent-worker"),
        uuid7(),
    )
    row = await _claimed(stack, making, working, owner)
    await visit.page.goto(f"{visit.address}/runs/{row['id']}")
    await visit.page.locator("[role=log]").wait_for()
    session = await visit.page.context.new_cdp_session(visit.page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before, began = await _busy(session), perf_counter()
    for turn in range(FOLLOWED_SECONDS * 10):
        entries = [(row["id"], row["epoch"], Entry("note", f"entry {turn}.{n}", {})) for n in range(PER_SECOND // 10)]
        for entry in entries:
            await statements.log(working, [entry], "bench")
        await asyncio.sleep(max(0.0, began + (turn + 1) / 10 - perf_counter()))
    share = (await _busy(session) - before) / (perf_counter() - began)
    last = Entry("run_completed", "Run completed", {})
    await statements.finish(
        working, [statements.Ending(row["id"], row["epoch"], "completed", {}, None, None, last, {})], owner, "bench"
    )
    await making.close()
    await working.close()
    return Figure(f"following {PER_SECOND} entries/s, the page's main thread", f"{share:.0%} of a core", "≤ 15 %")


async def _claimed(stack: Stack, making: Connection, working: Connection, owner: UUID) -> ClaimedRun:
    """A run of ours. A worker that looks in that moment may be quicker; then another one is made."""
    while True:
        run = NewRun(UUID(stack.org_id), _KIND, {}, "api")
        await statements.create(making, [run])
        if found := await statements.claim(working, owner, [_KIND], [run.id], 1, "bench"):
            return found[0]


async def _long_log(visit: Visit, stack: Stack) -> list[Figure]:
    """Until the last entry of its log is drawn."""
    database = await asyncpg.connect(stack.database)
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    run = await _asked(stack, "/api/v1/action-runs", noop, parameters={"defer": "true"})
    await database.execute(_FILL_LOG, UUID(run["id"]), ENTRIES, timeout=600)
    await database.execute("UPDATE runs SET log_seq = $2 WHERE id = $1", UUID(run["id"]), ENTRIES)
    await database.close()
    at_end = f"document.querySelector('[role=log]')?.textContent.includes('entry {ENTRIES}')"

    async def pressed() -> float:
        await visit.page.goto(f"{visit.address}/runs?kind=dlt_extract&status=pending")
        link = visit.page.locator(f"a[href$='/runs/{run['id']}']")
        await link.wait_for()
        return await _pressed(visit, link, at_end)

    what = f"the end of a log of {ENTRIES:,} entries"
    address = await _median(lambda: _until(visit, f"/runs/{run['id']}", f"[role=log] >> text=entry {ENTRIES}"))
    return [
        Figure(f"{what}, from the click", f"{await _median(pressed) * 1e3:.0f} ms", "≤ 500 ms"),
        Figure(f"{what}, from the address", f"{address * 1e3:.0f} ms"),
    ]


async def _long_list(visit: Visit, stack: Stack) -> list[Figure]:
    """Until its rows are drawn; and how long rows are missing while one scrolls."""

    async def pressed() -> float:
        await visit.page.goto(visit.address)
        await visit.page.get_by_role("heading", name="Home").wait_for()
        await visit.page.wait_for_load_state("networkidle")
        link = visit.page.get_by_role("link", name="Runs", exact=True)
        return await _pressed(visit, link, "document.querySelector(\"[aria-label='List of runs'] li\")")

    address = await _median(lambda: _until(visit, "/runs", "[aria-label='List of runs'] li"))
    opened = await _median(pressed)
    await visit.page.get_by_role("region", name="List of runs").hover()
    missing = 0.0
    for _ in range(SCREENS):
        began = perf_counter()
        await visit.page.mouse.wheel(0, 500)
        await visit.page.wait_for_function(_FILLED)
        missing = max(missing, perf_counter() - began)
    return [
        Figure(f"a list of {MANY:,} runs, from the click", f"{opened * 1e3:.0f} ms", "≤ 300 ms"),
        Figure(f"a list of {MANY:,} runs, from the address", f"{address * 1e3:.0f} ms"),
        Figure(f"scrolling {SCREENS} screens of it, the slowest until it is filled", f"{missing * 1e3:.0f} ms"),
    ]


async def _busy(session: Any) -> float:
    """Seconds that the page has worked."""
    found = await session.send("Performance.getMetrics")
    return next(float(each["value"]) for each in found["metrics"] if each["name"] == "TaskDuration")


async def _graph(visit: Visit, stack: Stack) -> list[Figure]:
    """Three edges to each step, as far as there are steps before it; until its edges are drawn."""
    noop = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    steps = [
        {"key": f"s{n}", "action": noop, "depends_on": [f"s{m}" for m in range(max(0, n - 30), n, 10)]}
        for n in range(STEPS)
    ]
    made = await _asked(stack, "/api/v1/automations", {"name": "Large", "slug": "large", "steps": steps})
    edges = sum(len(step["depends_on"]) for step in steps)

    async def pressed() -> float:
        await visit.page.goto(f"{visit.address}/automations")
        link = visit.page.locator(f"a[href$='/automations/{made['id']}']").first
        await link.wait_for()
        return await _pressed(visit, link, "document.querySelector('.react-flow__edge')")

    what = f"a graph of {STEPS:,} steps and {edges:,} edges"
    address = await _median(lambda: _until(visit, f"/automations/{made['id']}", ".react-flow__edge"))
    return [
        Figure(f"{what}, from the click", f"{await _median(pressed) * 1e3:.0f} ms", "≤ 1,000 ms"),
        Figure(f"{what}, from the address", f"{address * 1e3:.0f} ms"),
    ]


async def _flashboard(visit: Visit, stack: Stack) -> Figure:
    tiles = [
        {"key": f"t{n}", "type": "chart", "chart": "bar", "title": f"Tile {n}", "sql": _TILE, "width": 4}
        for n in range(TILES)
    ]
    definition = {"title": "Twelve", "slug": "twelve", "tiles": tiles}
    run = await _asked(stack, "/api/v1/action-runs", {"kind": "create_flashboard", "definition": definition}, 60)
    assert run["status"] == "completed", run["error"]
    seconds = await _median(lambda: _until(visit, "/flashboards/twelve", "svg >> nth=11"))
    return Figure(f"a flashboard of {TILES} tiles", f"{seconds * 1e3:.0f} ms", "≤ 1,000 ms")


async def _asked(
    stack: Stack, path: str, body: dict[str, Any], wait: int = 0, parameters: dict[str, str] | None = None
) -> dict[str, Any]:
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    async with client_of(stack) as api:
        answer = await api.post(path, json=body, params=parameters, headers=headers, timeout=wait + 60)
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()
        return found
