"""Builds docs/ into .cache/guide/site, if something has changed since the last time."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.guide import outside
from tools.guide.places import BUILT, CACHE, LOCK, NEXT, READ, ROOT, SITE, SOURCES, STATE

_SECONDS = 300
_MARK = BUILT / ".built"


class NotBuilt(Exception):
    """Why there is no guide: what is wrong with its pages."""


def build() -> str:
    """Build it, or find it built; a line that says which. Raises NotBuilt. Two at once take turns."""
    with _alone():
        mark = fingerprint()
        if is_built(mark):
            return "built already, nothing has changed"
        STATE.write_text("it is being built\n")
        try:
            _sphinx()
        except NotBuilt as error:
            STATE.write_text(f"not built: {str(error).splitlines()[0]}\n")
            raise
        (NEXT / ".built").write_text(mark)
        shutil.rmtree(BUILT, ignore_errors=True)
        NEXT.rename(BUILT)
        STATE.write_text("built\n")
        return f"built into {BUILT.relative_to(ROOT)}"


def is_built(mark: str) -> bool:
    """Whether what is there was built from these sources."""
    return _MARK.exists() and _MARK.read_text() == mark


def fingerprint() -> str:
    """A digest of all from which the guide is built."""
    seen = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for file in _sources():
        seen.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return seen.hexdigest()


def _sources() -> Iterator[Path]:
    for folder in (SOURCES, SITE.parent):
        yield from sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _sphinx() -> None:
    """Sphinx, for which every warning is an error: a link to nowhere, a page that no contents name."""
    shutil.rmtree(NEXT, ignore_errors=True)
    done = subprocess.run(
        (
            *(sys.executable, "-m", "sphinx", "--builder", "html", "--fail-on-warning", "--quiet", "--fresh-env"),
            *("--conf-dir", str(SITE), "--doctree-dir", str(READ), str(SOURCES), str(NEXT)),
        ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        wrong = [line.replace(f"{ROOT}/", "") for line in done.stderr.splitlines() if "WARNING" in line]
        raise NotBuilt("\n".join(wrong or done.stderr.strip().splitlines()[-3:]))
    outside.move_out(NEXT)
    wrong = list(outside.faults(NEXT))
    if wrong:
        raise NotBuilt("\n".join(wrong))
    outside.compress(NEXT)
    for file in (".buildinfo", "objects.inv"):  # for other builds by Sphinx, and for nobody who reads
        (NEXT / file).unlink(missing_ok=True)


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
