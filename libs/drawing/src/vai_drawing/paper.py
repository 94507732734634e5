"""A page on paper: a browser prints HTML into a PDF, in processes of its own, without scripts and without a network."""

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

SECONDS = 60.0
"""The time limit of one PDF; a flashboard of twelve tiles takes two."""

MEMORY_MB = 1_024
"""Of the browser's processes together; an idle one takes about 150."""

_LOOK_SECONDS = 0.1
_LARGEST = 64 << 20
_NOWHERE = "http://127.0.0.1:9"

# The policy forbids everything but styles and pictures that the page holds, scripts, too; the options leave no way out.
# Chromium prints by a script of its own: where scripts are turned off as a whole, there is no PDF.
_POLICY = (
    '<meta http-equiv="Content-Security-Policy"'
    " content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
)
_OPTIONS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    f"--proxy-server={_NOWHERE}",
    "--proxy-bypass-list=<-loopback>",
)


class CannotPrint(Exception):
    """The message says why there is no PDF, and what to do."""


async def pdf(browser: str, html: str, seconds: float = SECONDS, memory_mb: float = MEMORY_MB) -> bytes:
    """The page as a PDF. `browser` is the path of a Chromium. Raises `CannotPrint`."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="vai-paper-"))
    try:
        page, made = folder / "page.html", folder / "page.pdf"
        await asyncio.to_thread(page.write_text, html.replace("<head>", f"<head>{_POLICY}", 1), encoding="utf-8")
        await _print(browser, folder, seconds, memory_mb)
        return await asyncio.to_thread(_read, made)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _print(browser: str, folder: Path, seconds: float, memory_mb: float) -> None:
    rooted = ("--no-sandbox",) if os.geteuid() == 0 else ()  # a root's Chromium does not start with it
    places = (f"--user-data-dir={folder}/profile", f"--print-to-pdf={folder}/page.pdf", f"file://{folder}/page.html")
    try:
        process = await asyncio.create_subprocess_exec(
            browser,
            *_OPTIONS,
            *rooted,
            *places,
            cwd=folder,
            env={"HOME": str(folder), "TMPDIR": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotPrint(f"the browser {browser} does not start ({error.strerror}): see VAI_BROWSER") from None
    try:
        async with asyncio.timeout(seconds):
            await _watched(process, memory_mb)
    except TimeoutError:
        raise CannotPrint(f"the browser needs more than {seconds:g} s for this page: show less, or take html") from None
    finally:
        await asyncio.to_thread(_end, process.pid)
        await process.wait()
    if process.returncode:
        message = f"the browser {browser} ended with {process.returncode}: is it a Chromium, and may it start here?"
        raise CannotPrint(message)


async def _watched(process: asyncio.subprocess.Process, memory_mb: float) -> None:
    """Until it has ended. Raises `CannotPrint` where it takes more memory."""
    ended = asyncio.ensure_future(process.wait())
    try:
        while not ended.done():
            await asyncio.wait([ended], timeout=_LOOK_SECONDS)
            if await asyncio.to_thread(_memory_of, process.pid) > memory_mb:
                text = f"the browser needs more than {memory_mb:g} MB for this page: show less, or take html"
                raise CannotPrint(text)
    finally:
        ended.cancel()


def _session(leader: int) -> list[int]:
    """The processes that a process and its children have started."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                facts = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(facts[3]) == leader:
                    found.append(int(name))
    return found


def _memory_of(leader: int) -> float:
    """MB; what processes share counts once."""
    kilobytes = 0
    for process in _session(leader):
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
    return kilobytes / 1_024


def _end(leader: int) -> None:
    for process in _session(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _read(made: Path) -> bytes:
    if not made.exists():
        raise CannotPrint("the browser has written no PDF: is it a Chromium?")
    if made.stat().st_size > _LARGEST:
        raise CannotPrint(f"the PDF is larger than {_LARGEST >> 20} MB: show less, or take html")
    return made.read_bytes()
