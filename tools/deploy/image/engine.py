"""Which container engine answers here, and the base of the image where no registry does."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.deploy.chart.helm import ROOT

_CACHE = ROOT / ".cache/containers"
_SUITE = "bookworm"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
LOCAL_BASE = f"localhost/vai-base:{_SUITE}"
# A small virtual machine may have no crun and no higher limit of open files (root without CAP_SYS_RESOURCE).
_CONF = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
{runtime}cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_STORAGE = """
[storage]
driver = "overlay"
runroot = "{run}"
graphroot = "{graph}"
"""


class NoEngine(Exception):
    """Why there is none."""


class EngineFailed(Exception):
    """What it was asked, and what it says."""


@dataclass(frozen=True)
class Engine:
    """`docker` or `podman`, with the environment in which it works."""

    tool: str
    environment: Mapping[str, str]

    def run(self, *arguments: str, check: bool = True, quiet: bool = False) -> "subprocess.CompletedProcess[str]":
        """Runs the tool; shows what it says, unless `quiet`. Raises EngineFailed if it fails, where `check`."""
        command = (self.tool, *arguments)
        done = subprocess.run(command, env=self.environment, check=False, capture_output=quiet, text=True, cwd=ROOT)
        if check and done.returncode:
            raise EngineFailed(f"{' '.join(command)}: {(done.stderr or '').strip() or f'exit code {done.returncode}'}")
        return done

    def has(self, image: str) -> bool:
        return self.run("image", "inspect", image, check=False, quiet=True).returncode == 0


def find() -> Engine:
    """The first that answers. Raises NoEngine."""
    tried = []
    for tool in ("podman", "docker"):
        if shutil.which(tool) is None:
            tried.append(f"there is no {tool}")
            continue
        engine = Engine(tool, _environment(tool))
        answer = engine.run("info", check=False, quiet=True)
        if answer.returncode == 0:
            return engine
        tried.append(f"{tool} does not answer: {(answer.stderr.strip() or '?').splitlines()[-1]}")
    raise NoEngine("; ".join(tried))


def _environment(tool: str) -> dict[str, str]:
    """As root without a configuration of one's own, podman keeps everything in .cache/containers."""
    if tool != "podman" or os.getuid() != 0 or "CONTAINERS_CONF" in os.environ:
        return dict(os.environ)
    _CACHE.mkdir(parents=True, exist_ok=True)
    runtime = 'runtime = "runc"\n' if shutil.which("runc") else ""
    (_CACHE / "containers.conf").write_text(_CONF.format(runtime=runtime))
    (_CACHE / "storage.conf").write_text(_STORAGE.format(run=_CACHE / "run", graph=_CACHE / "storage"))
    return {
        **os.environ,
        "CONTAINERS_CONF": str(_CACHE / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(_CACHE / "storage.conf"),
    }


def make_base(engine: Engine) -> str:
    """An image like python:3.11-slim-bookworm, of Debian's own packages: where no registry answers. Needs root.

    Raises NoEngine where debootstrap cannot make it.
    """
    if engine.has(LOCAL_BASE):
        return LOCAL_BASE
    if shutil.which("debootstrap") is None or os.getuid() != 0:
        raise NoEngine(
            "no registry gives the base image; to make one of Debian's packages, debootstrap and root are needed"
        )
    with tempfile.TemporaryDirectory() as folder:
        root, archive = Path(folder) / "root", Path(folder) / "root.tar"
        _call("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root))
        (root / "usr/bin/python").symlink_to("python3")
        shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
        for sources in (root / "etc/apt").rglob("*"):  # the image must not name the registry of this machine
            if sources.is_file() and "sources" in str(sources):
                sources.write_text("")
        _call("tar", "-C", str(root), "-cf", str(archive), ".")
        engine.run("import", str(archive), LOCAL_BASE)
    return LOCAL_BASE


def _call(*command: str) -> None:
    done: Sequence[str] = command
    ended = subprocess.run(done, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise NoEngine(f"{command[0]} failed: {(ended.stderr or ended.stdout).strip().splitlines()[-1]}")
