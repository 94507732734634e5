"""Pictures of every page: `make pictures`. They are written into .cache/console/pictures, which git ignores.

`make pictures P="audit board"` makes those of the places whose names contain one of these words.
"""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.console.driver import ROOT, SCRIPT, NoBrowser, Visit, browser, chromium, make_run, stack
from tests.console.places import PLACES
from tests.console.things import things

_INTO = ROOT / ".cache/console/pictures"
# Nothing that is seen stands in for what is to come, for half a second: one wait may follow another.
_RESTS = """() => {
    const stand = [...document.querySelectorAll(".mantine-Skeleton-root, .mantine-Loader-root")];
    const waits = stand.some((each) => each.checkVisibility());
    window.restsSince = waits ? undefined : (window.restsSince ?? performance.now());
    return window.restsSince !== undefined && performance.now() - window.restsSince > 500;
}"""
_WIDTHS = {"wide": (1280, 800), "narrow": (390, 844)}


async def main(words: list[str]) -> None:
    _INTO.mkdir(parents=True, exist_ok=True)
    places = {name: place for name, place in PLACES.items() if not words or any(word in name for word in words)}
    with tempfile.TemporaryDirectory() as folder:
        async with stack(Path(folder)) as running, browser() as chrome, AsyncExitStack() as work:
            made = await work.enter_async_context(things(running))
            await make_run(running, kind="approval_gate", definition={"message": f"Send 42 orders? {SCRIPT}"})
            for scheme in ("light", "dark"):
                for width, (wide, high) in _WIDTHS.items():
                    context = await chrome.new_context(
                        viewport={"width": wide, "height": high}, color_scheme=scheme, reduced_motion="reduce"
                    )
                    visit = Visit(await context.new_page(), running.api_url)
                    await visit.page.goto(f"{running.api_url}/sign-in")
                    await visit.page.get_by_role("heading").wait_for()
                    await visit.page.screenshot(path=_INTO / f"sign-in-{scheme}-{width}.png")
                    await visit.sign_in(running.api_key)
                    for name, place in places.items():
                        await visit.page.goto(running.api_url + place.format(**made))
                        await visit.page.get_by_role("heading").first.wait_for()
                        await visit.page.wait_for_load_state("load")
                        await visit.page.wait_for_function(_RESTS)
                        await visit.page.screenshot(path=_INTO / f"{name}-{scheme}-{width}.png", full_page=True)
                    for complaint in visit.complaints:
                        sys.stdout.write(f"{scheme} {width}: {complaint}\n")
                    await context.close()
    sys.stdout.write(f"pictures: {len(list(_INTO.glob('*.png')))} in {_INTO.relative_to(ROOT)}\n")


if __name__ == "__main__":
    try:
        chromium()
    except NoBrowser as error:
        sys.stdout.write(f"pictures: not made, {error}\n")
    else:
        asyncio.run(main(sys.argv[1:]))
