"""Builds the image: `make image`. Tries it out: `make image-test`.

usage: python -m tools.deploy.image build [--base IMAGE|debian] [--spark] [--sftp]
       python -m tools.deploy.image test

`--base debian` makes the base of Debian's packages, for where no registry answers; without it that is the second try.
Without a container engine both say so and end with 0.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.console.build import build as build_console
from tools.console.node import NotBuilt
from tools.console.places import BUILT
from tools.deploy.chart.helm import ROOT
from tools.deploy.image.engine import Engine, EngineFailed, NoEngine, find, make_base
from tools.guide.build import NotBuilt as NoGuide
from tools.guide.build import build as build_guide
from tools.release import version

_USUAL = "python:3.11-slim-bookworm"


def image() -> str:
    """The name that `make image` gives."""
    return f"localhost/vai:{version()}"


def console() -> str:
    """Builds the console, which the image then contains; a line that says how it went."""
    try:
        return f"with the console, {build_console()}"
    except NotBuilt as error:
        there = (BUILT / "index.html").exists()
        return f"{'with the console as it was built before' if there else 'without the console'}, {error}"


def guide() -> str:
    """Builds the guide, which the image then contains; a line that says how it went."""
    try:
        return f"with the guide, {build_guide()}"
    except NoGuide as error:
        return f"without the guide, {str(error).splitlines()[0]}"


def build(engine: Engine, base: str | None, extras: Sequence[str] = ()) -> None:
    """`extras`: `SPARK`, with the client of Spark Connect; `SFTP`, with the client of SFTP.

    Raises NoEngine where no base is to be had, EngineFailed where a step fails."""
    chosen = base or _USUAL
    if chosen == "debian":
        chosen = make_base(engine)
    elif not engine.has(chosen) and engine.run("pull", "--quiet", chosen, check=False, quiet=True).returncode:
        _say(f"image: no registry gives {chosen}; its base is made of Debian's packages")
        chosen = make_base(engine)
    revision = subprocess.run(
        ("git", "rev-parse", "HEAD"), cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        engine.run(
            *("build", "-f", "deploy/docker/Dockerfile", "-t", image(), "--network", "host"),
            *("--build-arg", f"BASE={chosen}", "--build-arg", f"VERSION={version()}"),
            *(argument for extra in extras for argument in ("--build-arg", f"{extra}=1")),
            *("--build-arg", f"REVISION={revision or 'unknown'}", *_secrets(Path(folder)), "."),
        )


def _secrets(folder: Path) -> list[str]:
    """pip's settings of this machine, and the authorities that it trusts: for the build, never in the image."""
    listed = subprocess.run((sys.executable, "-m", "pip", "config", "list"), capture_output=True, text=True, check=True)
    settings, certificates = ["[global]"], ""
    for line in listed.stdout.splitlines():
        name, _, value = line.rpartition("=")[0].rpartition(".")[2], "", line.partition("=")[2].strip("'\"")
        if name == "cert":
            certificates = value
        elif name in ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout"):
            settings.append(f"{name} = {value}")
    (folder / "pip.conf").write_text("\n".join(settings) + "\n")
    given = ["--secret", f"id=pip,src={folder / 'pip.conf'}"]
    return [*given, "--secret", f"id=ca,src={certificates}"] if certificates else given


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("build", "test"))
    parser.add_argument("--base", help="the image that it stands on, or debian")
    parser.add_argument("--spark", action="store_true", help="with the client of Spark Connect")
    parser.add_argument("--sftp", action="store_true", help="with the client of SFTP")
    options = parser.parse_args(arguments)
    try:
        engine = find()
        if options.what == "build":
            _say(f"image: {console()}")
            _say(f"image: {guide()}")
            extras = [name for name, wanted in (("SPARK", options.spark), ("SFTP", options.sftp)) if wanted]
            build(engine, options.base, extras)
            _say(f"image: {image()} by {engine.tool}")
            return 0
    except NoEngine as error:
        _say(f"image: not {'built' if options.what == 'build' else 'tested'}, {error}")
        return 0
    except EngineFailed as error:
        _say(str(error))
        return 1
    if not engine.has(image()):
        _say(f"image: not tested, there is no {image()}: run make image")
        return 0
    return subprocess.run((sys.executable, "-m", "pytest", "-q", "tests/image"), cwd=ROOT, check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
