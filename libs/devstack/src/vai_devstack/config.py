"""The configuration of a stack: from the environment (the Makefile passes its variables on), or given by a test."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vai_devstack.errors import StackError
from vai_devstack.home import Home, Secrets
from vai_devstack.servers.apache import ApacheBroker
from vai_devstack.servers.broker import EMBEDDED, Broker, EmbeddedBroker, GivenBroker
from vai_devstack.servers.container import ContainerBroker
from vai_devstack.servers.ports import PortBook
from vai_devstack.servers.s3 import S3Server
from vai_devstack.services import NAMES, SERVICES, Service, parse_replicas

_POSTGRES_PORT = 15432
_KAFKA_PORT = 19092
_CONTROLLER_PORT = 19192
_S3_PORT = 18333

FOLDER, S3 = "folder", "s3"
"""What a lake may be."""


@dataclass(frozen=True)
class Config:
    """`port_base` moves all ports (0: the well-known ones, gateway 8080); `environment` is added to each service's."""

    home: Home
    kafka: str = EMBEDDED
    replicas: Mapping[str, int] = field(default_factory=dict)
    only: tuple[str, ...] = NAMES
    port_base: int = 0
    cache: Path = Path(".cache")
    environment: Mapping[str, str] = field(default_factory=dict)
    lake: str = ""
    """`folder` or `s3`; empty: what the stack's folder has, a folder at first."""

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(service for service in SERVICES if service.name in self.only)

    def port(self, well_known: int) -> int:
        """Where to look for a port first."""
        return self.port_base or well_known


def from_environment(environment: Mapping[str, str] = os.environ) -> Config:
    """VAI_HOME (.vai), KAFKA (an embedded broker), LAKE (a folder), REPLICAS (one of each), VAI_CACHE (.cache),
    VAI_PORT_BASE (none)."""
    base = environment.get("VAI_PORT_BASE") or "0"
    if not base.isdigit() or int(base) > 60_000:
        raise StackError(f"VAI_PORT_BASE is {base!r}", "Write a port from 1024 to 60000, or leave it out (8080, …)")
    lake = environment.get("LAKE", "")
    if lake not in ("", FOLDER, S3):
        raise StackError(f"LAKE={lake} says nothing", "Write s3 or folder, or leave it out")
    return Config(
        home=home_from(environment),
        kafka=environment.get("KAFKA") or EMBEDDED,
        replicas=parse_replicas(environment.get("REPLICAS", "")),
        port_base=int(base),
        lake=lake,
        cache=Path(environment.get("VAI_CACHE") or ".cache"),
    )


def home_from(environment: Mapping[str, str] = os.environ) -> Home:
    """Only the configuration for stopping a stack or looking at it, so that wrong values of other settings do not
    matter.
    """
    return Home.of(environment.get("VAI_HOME") or ".vai")


def broker_of(config: Config, ports: PortBook) -> Broker:
    """The broker that KAFKA names."""
    if config.kafka == EMBEDDED:
        return EmbeddedBroker(config.home, ports.take("kafka", config.port(_KAFKA_PORT)))
    if config.kafka == ApacheBroker.kind:
        port = ports.take("kafka", config.port(_KAFKA_PORT))
        controller = ports.take("kafka-controller", config.port(_CONTROLLER_PORT))
        return ApacheBroker(config.home, port, controller, config.cache)
    if config.kafka == ContainerBroker.kind:
        return ContainerBroker(config.home)
    if all(_is_address(part) for part in config.kafka.split(",")):
        return GivenBroker(config.kafka)
    raise StackError(f"KAFKA={config.kafka} says nothing", "Write apache, testcontainers or HOST:PORT, or leave it out")


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def postgres_port(config: Config, ports: PortBook) -> int:
    return ports.take("postgres", config.port(_POSTGRES_PORT))


def s3_of(config: Config, ports: PortBook, secrets: Secrets) -> S3Server | None:
    """The S3 server that holds the lake; None where the lake is a folder. Raises StackError where it is the other one
    and has tables: nobody would find them again."""
    home = config.home
    is_s3 = home.s3.exists() or (config.lake == S3 and not _has_any(home.lake))
    if config.lake and is_s3 != (config.lake == S3):
        has = "an S3 server" if is_s3 else f"the folder {home.lake}"
        what_to_do = "Leave LAKE out, or take another folder: VAI_HOME=.vai-s3 make up LAKE=s3"
        raise StackError(f"the lake of this stack is {has}, and its tables are there", what_to_do)
    return S3Server(home, ports, config.port(_S3_PORT), secrets) if is_s3 else None


def _has_any(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())
