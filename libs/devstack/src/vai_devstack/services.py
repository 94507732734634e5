"""The services that make up the platform, as data: what the stack starts and which ports each of them gets."""

from collections.abc import Mapping
from dataclasses import dataclass

from vai_devstack.errors import StackError

MOST_REPLICAS = 16


@dataclass(frozen=True)
class Service:
    """`port` is where its first process is looked for; the others, and gRPC, take the next free ones.

    `decrypts`: it opens what is stored encrypted. `own_metrics`: its HTTP port is for all, its metrics have another.
    """

    name: str
    module: str
    port: int
    grpc: bool = False
    decrypts: bool = True
    own_metrics: bool = False


SERVICES = (
    Service("api-gateway", "vai_api_gateway", 8080, own_metrics=True),
    Service("run-dispatcher", "vai_run_dispatcher", 18110, decrypts=False),
    Service("extract-worker", "vai_extract_worker", 18120, grpc=True),
    Service("transform-worker", "vai_transform_worker", 18140, grpc=True),
    Service("agent-worker", "vai_agent_worker", 18160, grpc=True),
    Service("scheduler", "vai_scheduler", 18180, grpc=True),
    Service("watchdog", "vai_watchdog", 18200, decrypts=False),
)

NAMES = tuple(service.name for service in SERVICES)


def parse_replicas(text: str) -> dict[str, int]:
    """`extract-worker=2 scheduler=2` (spaces or commas) as a number for each service named; the others have one."""
    replicas = {}
    for part in text.replace(",", " ").split():
        name, _, count = part.partition("=")
        if name not in NAMES:
            raise StackError(f"REPLICAS names {name!r}, which is no service", f"The services are {', '.join(NAMES)}.")
        if not count.isdigit() or int(count) > MOST_REPLICAS:
            raise StackError(f"REPLICAS says {part!r}", f"Write {name}=N with N from 0 to {MOST_REPLICAS}.")
        replicas[name] = int(count)
    return replicas


def log_name(service: str, index: int) -> str:
    """`extract-worker` for the first process, `extract-worker-2` for the second."""
    return service if index == 0 else f"{service}-{index + 1}"


def count_of(service: Service, replicas: Mapping[str, int]) -> int:
    return replicas.get(service.name, 1)
