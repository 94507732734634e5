"""Fetches what the tests of `engine: "spark"` need into .cache/spark: the client by uv, the jars by Maven.

usage: python -m tools.spark        (make test-spark does it)

Prints why it could not, and exits with 3, where Java or Maven are missing or a registry does not answer.
"""

import shutil
import sys

from tests.architecture.workspace import ROOT
from tools.extra_packages import Missing, fetch, run
from vai_testkit.servers.spark import DELTA_VERSION, VERSION

CACHE = ROOT / ".cache/spark"
CLIENT, JARS = CACHE / "client", CACHE / f"jars-{VERSION}-{DELTA_VERSION}"
LOCK = ROOT / "deploy/docker/spark.lock"
_ARTIFACTS = (
    ("org.apache.spark", "spark-sql_2.13", VERSION),
    ("org.apache.spark", "spark-connect_2.13", VERSION),
    ("io.delta", "delta-spark_4.2_2.13", DELTA_VERSION),
)
_ALONE = (
    ("org.apache.spark", "spark-mllib_2.13", VERSION),
)  # the server ends a session by it; not what it needs itself


def main() -> int:
    try:
        _there("java", "openjdk-17-jre-headless")
        fetch(LOCK, CLIENT)
        _jars()
    except Missing as missing:
        sys.stdout.write(f"test-spark: not run, {missing}\n")
        return 3
    return 0


def _there(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise Missing(f"there is no {program} (Debian: {package})")


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
    run(
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


if __name__ == "__main__":
    sys.exit(main())
