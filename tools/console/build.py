"""Builds the console into console/dist, if its sources have changed since the last time."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.console.node import NotBuilt, environment, node
from tools.console.places import BUILT, CACHE, LOCK, PACKAGES, ROOT, SOURCES, STATE

_INSTALL_SECONDS = 300
_BUILD_SECONDS = 300
_DRIVER = "playwright==1.65.2"
_MARK = BUILT / ".built"
_NEXT = SOURCES / "dist.next"
_SHARED = ROOT / "clients/typescript/src/exact.ts"
"""What the console takes of the TypeScript client, apart from types."""

_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--fetch-retries=1", "--fetch-timeout=15000")


def build() -> str:
    """Build it, or find it built; a line that says which. Raises NotBuilt. Two at once take turns."""
    with _alone():
        mark = fingerprint()
        if _MARK.exists() and _MARK.read_text() == mark:
            return "built already, nothing has changed"
        STATE.write_text("it is being built\n")
        try:
            install()
            shutil.rmtree(_NEXT, ignore_errors=True)
            run(("npx", "--no-install", "vite", "build", "--outDir", _NEXT.name, "--logLevel", "warn"), _BUILD_SECONDS)
        except NotBuilt as error:
            STATE.write_text(f"not built: {error}\n")
            raise
        (_NEXT / ".built").write_text(mark)
        shutil.rmtree(BUILT, ignore_errors=True)
        _NEXT.rename(BUILT)
        STATE.write_text("built\n")
        return f"built into {BUILT.relative_to(ROOT)}"


def install(folder: Path = SOURCES) -> None:
    """The packages of a folder's package-lock.json. Raises NotBuilt where npm's registry can't be reached."""
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    have = folder / PACKAGES.name / ".have"
    if have.exists() and have.read_text() == lock:
        return
    run(_INSTALL, _INSTALL_SECONDS, folder)
    have.write_text(lock)


def fetch_driver() -> None:
    """Playwright, apart from what everybody installs: it is large. Raises NotBuilt where it can't be had."""
    folder, mark = CACHE / "browser", CACHE / "browser" / f".{_DRIVER}"
    if mark.exists():
        return
    uv = Path(sys.executable).parent / "uv"
    command = (str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), _DRIVER)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
    if done.returncode:
        raise NotBuilt(f"{_DRIVER} can't be had: {last_words(done.stderr)}")
    mark.touch()


def run(command: Sequence[str], seconds: float, folder: Path = SOURCES) -> None:
    """One of Node's tools, in a folder of sources. Raises NotBuilt with its last words."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(node()), capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise NotBuilt(f"`{' '.join(command[:3])}` took longer than {seconds} s") from None
    if done.returncode:
        raise NotBuilt(f"`{' '.join(command[:3])}` failed: {last_words(done.stderr or done.stdout)}")


def last_words(said: str) -> str:
    """The line of a tool's output that says most, for a message of one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "complete log" not in line]
    lines = [line for line in lines if ".log" not in line]
    telling = [line for line in lines if "error" in line.lower() and len(line) > len("npm error ") + 4]
    return (telling or lines or ["it says nothing"])[-1][:300]


def fingerprint() -> str:
    """A digest of all from which the console is built."""
    seen = hashlib.sha256()
    for file in sources():
        seen.update(file.relative_to(SOURCES).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    seen.update(_SHARED.read_bytes())
    return seen.hexdigest()


def sources() -> Iterator[Path]:
    """Every file of console/ that is in git's care or could be."""
    outside = {PACKAGES.name, BUILT.name, _NEXT.name}
    for each in sorted(SOURCES.iterdir()):
        if each.name not in outside:
            yield from [each] if each.is_file() else sorted(file for file in each.rglob("*") if file.is_file())


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
