"""A real Spark for tests: Spark Connect on one node, with Delta. Needs Java 17, and jars (`tools.spark`)."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vai_common.clock import steady_seconds
from vai_devstack.servers.ports import PortBook, random_base

VERSION, DELTA_VERSION, HADOOP_VERSION = "4.2.0", "4.4.0", "3.5.0"
_START_SECONDS = 120.0
_OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action"),
    *("sun.util.calendar", "jdk.internal.ref"),
)
"""Packages of Java that Spark reaches into (its own launcher opens them, too)."""


@dataclass(frozen=True)
class SparkServer:
    """A running server; `url` is what VAI_SPARK_URL has."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"sc://127.0.0.1:{self.port}"


@contextmanager
def serving(jars: Path, environment: dict[str, str] | None = None) -> Iterator[SparkServer]:
    """A new server from the jars in that folder. `environment` is added to that of its process."""
    folder = Path(tempfile.mkdtemp(prefix="vai-spark-"))
    ports = PortBook(folder / "ports")
    try:
        port = ports.take("spark", random_base())
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(jars, folder, port),
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "SPARK_LOCAL_IP": "127.0.0.1", **(environment or {})},
            )
        try:
            server = SparkServer(port, process, folder / "log")
            _wait_until_it_answers(server)
            yield server
        finally:
            process.kill()
            process.wait(30)
    finally:
        ports.close()
        shutil.rmtree(folder, ignore_errors=True)


def _command(jars: Path, folder: Path, port: int) -> list[str]:
    settings = {
        "spark.master": "local[2]",
        "spark.app.name": "vai tests",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder / "scratch"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # The cluster's own defaults are not those that a run means: a run says what it means.
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.ansi.enabled": "false",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    }
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    return [
        *("java", "-Xmx1200m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *opened),
        *(f"-D{name}={value}" for name, value in settings.items()),
        f"-Dlog4j2.configurationFile={_logging(folder)}",
        *("-cp", f"{jars}/*", "org.apache.spark.sql.connect.service.SparkConnectServer"),
    ]


def _logging(folder: Path) -> Path:
    path = folder / "log4j2.properties"
    path.write_text(
        "rootLogger.level = warn\nrootLogger.appenderRef.all.ref = all\n"
        "appender.all.type = Console\nappender.all.name = all\nappender.all.layout.type = PatternLayout\n"
        "appender.all.layout.pattern = %d{ISO8601} %p %c{1} %m%n\n"
    )
    return path


def _wait_until_it_answers(server: SparkServer) -> None:
    deadline = steady_seconds() + _START_SECONDS
    while steady_seconds() < deadline:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), 1).close()
            return
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(0.2)
            break
    raise RuntimeError(f"Spark did not start: {server.log.read_text()[-3_000:]}")
