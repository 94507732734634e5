"""robots.txt (RFC 9309): what a site lets programs fetch."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from vai_agent_worker.request import Outgoing
from vai_agent_worker.response import read
from vai_agent_worker.transport import FAILURES
from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.secrets.hiding import Hidden

if TYPE_CHECKING:
    from protego import Protego

AGENT = "vai"
"""The name by which a site can give special rules for us."""

MOST_BYTES = 512_000
"""RFC 9309: at least 500 kibibytes are read."""

KEPT_SECONDS = 3_600.0
_MOST_KEPT = 500
_LARGEST_KEPT = 65_536
_LARGE = 8_192  # bytes; smaller files are parsed in the event loop
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class _Kept:
    rules: "Protego | None"  # None: everything is allowed
    until: float


class Robots:
    """Requests the rules of each site once an hour. One object per process, since the rules are the same for all
    organisations.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def check(self, client: httpx2.AsyncClient, outgoing: Outgoing) -> None:
        """Raises `Permanent` if the site does not want the page to be fetched, `Retryable` if its robots.txt cannot be
        read.
        """
        url = outgoing.url
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        kept = self._kept.get(origin)
        if kept is None or kept.until < steady_seconds():
            kept = await self._asked(client, origin)
        if kept.rules is not None and not kept.rules.can_fetch(str(url), AGENT):
            raise Permanent(
                ErrorCode.DATA_ERROR,
                f"{origin}/robots.txt does not allow programs to fetch {outgoing.shown_url()}. Choose another page; an "
                "admin can turn robots.txt off for the organisation (setting ignoreRobotsTxt) if the site permits it.",
                {"url": outgoing.shown_url(), "robots_txt": f"{origin}/robots.txt"},
            )

    async def _asked(self, client: httpx2.AsyncClient, origin: str) -> _Kept:
        status, raw = await self._fetched(client, origin)
        rules = None
        if status < 300:
            from protego import Protego

            text = raw.decode("utf-8", "replace")
            rules = Protego.parse(text) if len(raw) < _LARGE else await asyncio.to_thread(Protego.parse, text)
        kept = _Kept(rules, steady_seconds() + KEPT_SECONDS)
        if len(raw) <= _LARGEST_KEPT:
            self._kept[origin] = kept
            self._kept.move_to_end(origin)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return kept

    async def _fetched(self, client: httpx2.AsyncClient, origin: str) -> tuple[int, bytes]:
        """Status and content. More redirects than five mean that there are no rules (RFC 9309, 2.3.1.2)."""
        outgoing: Outgoing | None = Outgoing("GET", httpx2.URL(f"{origin}/robots.txt"), {"user-agent": AGENT})
        for _ in range(_MOST_REDIRECTS + 1):
            assert outgoing is not None
            try:
                response = await client.send(outgoing.build(client), stream=True, follow_redirects=False)
                try:
                    onward = outgoing.after(response)
                    if onward is None:
                        return _judged(origin, response), (await read(response, MOST_BYTES))[0]
                finally:
                    await response.aclose()
            except FAILURES as error:
                if isinstance(error, TimeoutError):
                    raise
                reason = Hidden(()).address(str(error)) or type(error).__name__
                raise _silent(origin, f"cannot be fetched ({reason})") from error
            outgoing = onward
        return 404, b""


def _judged(origin: str, response: httpx2.Response) -> int:
    """The status. If the server fails or asks to wait, nothing is allowed (RFC 9309)."""
    if response.status_code >= 500 or response.status_code == 429:
        raise _silent(origin, f"answered {response.status_code}")
    return response.status_code


def _silent(origin: str, why: str) -> Retryable:
    message = f"{origin}/robots.txt {why}, so it is not known whether the page may be fetched."
    return Retryable(ErrorCode.CONNECTION_ERROR, message, {"robots_txt": f"{origin}/robots.txt"})
