"""Apache Kafka as a process of the stack (`KAFKA=apache`): one KRaft node, its jars fetched by Maven once."""

import contextlib
import fcntl
import shutil
from pathlib import Path

from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.servers.broker import LocalBroker
from vai_devstack.servers.process import Program, becomes, succeeds

VERSION = "4.1.0"
_LOGGING_VERSION = "2.25.1"
_CLUSTER_ID = "yASMemBrNEJROzv2fWzhCg"
_FETCH_SECONDS = 600
_FORMATTED = {"meta.properties", "bootstrap.checkpoint"}

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>vai</groupId><artifactId>kafka</artifactId><version>{VERSION}</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{_LOGGING_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

# Both Javas live for a short time: what the second compiler would gain later costs more than it brings.
_QUICK = "-XX:TieredStopAtLevel=1"

_LOGGING = """rootLogger.level = warn
rootLogger.appenderRef.all.ref = all
appender.all.type = Console
appender.all.name = all
appender.all.layout.type = PatternLayout
appender.all.layout.pattern = %d{ISO8601} %p %c{1} %m%n
"""


class ApacheBroker(LocalBroker):
    """Keeps its topics between starts, as the real one does; needs Java 17, and Maven for the first start."""

    kind = "apache"
    start_seconds = 180.0

    def __init__(self, home: Home, port: int, controller_port: int, cache: Path) -> None:
        super().__init__(home, port)
        self._controller = f"127.0.0.1:{controller_port}"
        self._jars = cache.absolute() / f"kafka-{VERSION}"

    async def start(self) -> None:
        await fetch(self._jars, self.log)
        self._write_settings()
        await self._format()
        await super().start()

    def erase(self) -> None:
        """Topics and messages go; the storage stays formatted, as that needs a Java of its own."""
        for each in (self.home.kafka / "data").glob("*"):
            if each.is_dir():
                shutil.rmtree(each)
            elif each.name not in _FORMATTED:
                each.unlink()

    def program(self) -> Program:
        memory = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC")
        return Program("kafka", (*self._java(*memory), "kafka.Kafka", str(self._settings)), self.log)

    @property
    def _settings(self) -> Path:
        return self.home.kafka / "server.properties"

    def _java(self, *options: str) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={self.home.kafka / 'log4j2.properties'}"
        return (_found("java"), _QUICK, *options, logging, "-cp", f"{self._jars}/*")

    def _write_settings(self) -> None:
        self.home.kafka.mkdir(exist_ok=True)
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{self._controller}",
            "log.dirs": str(self.home.kafka / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
        }
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (self.home.kafka / "log4j2.properties").write_text(_LOGGING)

    async def _format(self) -> None:
        if (self.home.kafka / "data" / "meta.properties").exists():
            return
        options = ("format", "--ignore-formatted", "-t", _CLUSTER_ID, "-c", str(self._settings))
        command = (*self._java(), "kafka.tools.StorageTool", *options)
        if not await succeeds(Program("kafka-format", command, self.log), self.start_seconds):
            raise StackError("Kafka could not format its storage", "It needs Java 17 or newer", self.log)


async def fetch(folder: Path, log: Path) -> None:
    """Fetch Kafka's jars into the folder, whole or not at all; nothing is done where they are already."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        await becomes(lambda: _locked(lock.fileno()), _FETCH_SECONDS)
        if not _is_there(folder):
            await _download(folder, log)


def _is_there(folder: Path) -> bool:
    return folder.exists()


def _locked(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


async def _download(folder: Path, log: Path) -> None:
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    pom = fresh / "pom.xml"
    pom.write_text(_POM)
    command = (_found("mvn"), "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}")
    if not await succeeds(Program("maven", command, log), _FETCH_SECONDS):
        raise StackError("Maven could not fetch Kafka's jars", "Is Maven's registry reachable?", log)
    fresh.rename(folder)


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        needed = "Java 17 and Maven (Debian: openjdk-17-jre-headless, maven)"
        raise StackError(f"KAFKA=apache needs {program}, which is not there", f"Install {needed}, or leave KAFKA out")
    return path
