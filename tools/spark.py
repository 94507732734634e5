"""Fetches what the tests of `engine: "spark"` need into .cache/spark: the client by uv, the jars by Maven.

usage: python -m tools.spark        (make test-spark does it)

Prints why it could not, and exits with 3, where Java or Maven are missing or a registry does not answer.
"""

import re
import shutil
import subprocess
import sys

from packaging.requirements import Requirement

from tests.architecture.workspace import ROOT
from tools.deploy.image.needs import locked
from vai_testkit.servers.spark import DELTA_VERSION, VERSION

CACHE = ROOT / ".cache/spark"
CLIENT, JARS = CACHE / "client", CACHE / f"jars-{VERSION}-{DELTA_VERSION}"
LOCK = ROOT / "deploy/docker/spark.lock"
_SECONDS = 900
_ARTIFACTS = (
    ("org.apache.spark", "spark-sql_2.13", VERSION),
    ("org.apache.spark", "spark-connect_2.13", VERSION),
    ("io.delta", "delta-spark_4.2_2.13", DELTA_VERSION),
)
_ALONE = (
    ("org.apache.spark", "spark-mllib_2.13", VERSION),
)  # the server ends a session by it; not what it needs itself


class Missing(Exception):
    """Something is not here; the message says what."""


def main() -> int:
    try:
        _there("java", "openjdk-17-jre-headless")
        _client()
        _jars()
    except Missing as missing:
        sys.stdout.write(f"test-spark: not run, {missing}\n")
        return 3
    return 0


def _there(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise Missing(f"there is no {program} (Debian: {package})")


def _client() -> None:
    """The packages of spark.lock that the environment has not."""
    there = locked(ROOT / "requirements.lock")
    lines = re.findall(r"^([a-z][^ ]*==[^\\\n]+)", LOCK.read_text(), re.MULTILINE)
    needs = [need for need in map(Requirement, lines) if need.name not in there]
    wanted = [f"{need.name}{need.specifier}" for need in needs if need.marker is None or need.marker.evaluate()]
    stamp = CLIENT / ".wanted"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    shutil.rmtree(CLIENT, ignore_errors=True)
    _run("the package index", ".venv/bin/uv", "pip", "install", "-q", "--no-deps", "--target", str(CLIENT), *wanted)
    stamp.write_text("\n".join(wanted))


def _jars() -> None:
    """The jars, whole or not at all."""
    there = JARS / "pom.xml"
    if there.exists() and there.read_text() == _pom():
        return
    _there("mvn", "maven")
    fresh = JARS.with_name(f"{JARS.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    pom = fresh / "pom.xml"
    pom.write_text(_pom())
    _run(
        "Maven's registry",
        "mvn",
        "-q",
        "-B",
        "-ntp",
        "-f",
        str(pom),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={fresh}",
    )
    shutil.rmtree(JARS, ignore_errors=True)
    fresh.rename(JARS)


def _pom() -> str:
    nothing = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    listed = "".join(_dependency(*each) for each in _ARTIFACTS) + "".join(
        _dependency(*each, nothing) for each in _ALONE
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>vai</groupId>'
        f"<artifactId>spark</artifactId><version>{VERSION}</version><packaging>pom</packaging>"
        f"<dependencies>{listed}</dependencies></project>"
    )


def _dependency(group: str, name: str, version: str, rest: str = "") -> str:
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>{rest}"
        "</dependency>"
    )


def _run(who: str, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"{who} does not answer within {_SECONDS} s") from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it says nothing"]
        raise Missing(f"{who} does not answer: {said[-1][:300]}")


if __name__ == "__main__":
    sys.exit(main())
