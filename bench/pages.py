"""`fetch_page` beside trafilatura alone, on pages of a server on loopback: pages a second, one after the other.

"Alone" is what a script would do: get the page, then `trafilatura.extract` as Markdown with links and metadata. The
kind does that, reads links, images and plain text besides, obeys robots.txt, and does the reading in another process.
"""

import asyncio
import statistics

import httpx2

from bench.measure import Figure
from vai_agent_worker.fetch_page import FetchPage
from vai_agent_worker.pages.readers import Readers
from vai_common.clock import steady_seconds
from vai_common.egress.addresses import Policy
from vai_testkit.owned import HeldRun
from vai_testkit.servers.odd_pages import SENTENCE
from vai_testkit.servers.web import Reply, WebServer

_ROUNDS = 5
_PAGES = 20
_SIZES = {"20 KB": 120, "60 KB": 360, "200 KB": 1_200}
_AIM = "≥ 0.9"


async def measure() -> list[Figure]:
    """Without a stack: a run in the test's hands, real processes for reading."""
    figures = []
    readers = Readers()
    async with WebServer.opened() as web:
        web.replies["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /private")
        try:
            for name, paragraphs in _SIZES.items():
                web.replies["/page"] = Reply(body=_page(paragraphs), headers={"Content-Type": "text/html"})
                figures.append(await _compared(name, f"{web.url}/page", readers))
        finally:
            await readers.stop()
    return figures


async def _compared(name: str, url: str, readers: Readers) -> Figure:
    kind = FetchPage(Policy.parse("loopback"), readers)
    ours, alone = [], []
    await _kind(kind, url, 2)
    await _alone(url, 2)
    for _ in range(_ROUNDS):
        alone.append(await _alone(url, _PAGES))
        ours.append(await _kind(kind, url, _PAGES))
    ratio = statistics.median(ours) / statistics.median(alone)
    value = f"{ratio:.2f} ({statistics.median(ours):.0f} and {statistics.median(alone):.0f} pages/s)"
    return Figure(f"fetch_page, {name}, over trafilatura alone", value, _AIM)


async def _kind(kind: FetchPage, url: str, count: int) -> float:
    began = steady_seconds()
    for _ in range(count):
        result = await kind.perform(HeldRun("fetch_page", {"url": url}))
        assert SENTENCE in result["markdown"]
    return count / (steady_seconds() - began)


async def _alone(url: str, count: int) -> float:
    from trafilatura import extract

    began = steady_seconds()
    for _ in range(count):
        async with httpx2.AsyncClient() as client:
            page = (await client.get(url)).text
        found = await asyncio.to_thread(
            extract, page, url=url, output_format="markdown", include_links=True, include_images=True,
            include_comments=False, with_metadata=True,
        )  # fmt: skip
        assert found is not None
        assert SENTENCE in found
    return count / (steady_seconds() - began)


def _page(paragraphs: int) -> bytes:
    menu = "".join(f'<li><a href="/section/{n}">Section {n}</a></li>' for n in range(40))
    text = "".join(
        f'<p>{n}: {SENTENCE} <a href="/more/{n}">More of <b>{n}</b></a>.</p>{"<h2>Part</h2>" if n % 20 == 0 else ""}'
        for n in range(paragraphs)
    )
    head = '<meta name="author" content="Ada"><meta property="article:published_time" content="2026-03-05">'
    return (
        f"<!DOCTYPE html><html lang='en'><head><title>Bricks</title>{head}</head><body><nav><ul>{menu}</ul></nav>"
        f"<article><h1>Bricks</h1>{text}</article><footer>All rights reserved.</footer></body></html>"
    ).encode()
