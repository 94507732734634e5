"""What is in the image, and that it does the main job under the chart's own manifests."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tools.deploy.chart import helm
from tools.deploy.chart.helm import Manifest
from tools.deploy.chart.policy import pod_of
from tools.deploy.image.__main__ import image
from tools.deploy.image.engine import Engine, find
from tools.deploy.image.pods import container_of, for_podman, playing
from tools.release import version
from vai_common.clock import steady_seconds
from vai_devstack.servers.ports import random_base
from vai_devstack.services import SERVICES
from vai_devstack.stack import Stack
from vai_testkit.stack import running_stack
from vai_testkit.wait import wait_for

STOP_SECONDS = 20
_LAKE = "vai-image-test-lake"
_RUNS = "/api/v1/action-runs"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return find()


def _inside(engine: Engine, *command: str) -> str:
    """What a command says in a container that is held as the chart holds one."""
    held = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    return engine.run(
        "run", "--rm", "--pull", "never", "--network", "none", *held, image(), *command, quiet=True
    ).stdout


def test_its_labels_say_what_it_is(engine: Engine) -> None:
    (found,) = json.loads(engine.run("image", "inspect", image(), quiet=True).stdout)
    labels = found["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == version()
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert len(labels["org.opencontainers.image.revision"]) == 40
    assert found["Config"]["User"] == "10001:10001"


def test_it_has_neither_installer_nor_compiler_nor_settings_of_an_index(engine: Engine) -> None:
    tools = (
        "for tool in pip pip3 gcc cc g++ make git; do command -v $tool; done; ls /etc/pip.conf /build 2>/dev/null; true"
    )
    assert _inside(engine, "sh", "-c", tools) == ""
    assert "pip" not in _inside(engine, "sh", "-c", "ls /opt/vai/lib/python3*/site-packages").split()


def test_nothing_of_the_build_is_told_in_its_history(engine: Engine) -> None:
    history = engine.run("history", "--no-trunc", image(), quiet=True).stdout
    assert "://" not in history.replace("https://vai.example/source", "")


def test_it_has_the_console_with_the_licences_of_its_packages_or_neither(engine: Engine) -> None:
    """It is without it where npm's registry could not be reached."""
    has = _inside(engine, "sh", "-c", "ls /opt/web /opt/licences").split()
    assert ("index.html" in has) == ("console.md" in has)
    assert "LICENSE" in has


@pytest.mark.parametrize("module", [service.module for service in SERVICES])
def test_every_service_is_whole_in_it(engine: Engine, module: str) -> None:
    assert _inside(engine, "python", "-c", f"import {module}.wiring; print('whole')") == "whole\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Postgres and a broker with an organisation; none of our services."""
    async with running_stack(tmp_path_factory.mktemp("servers"), only=()) as stack:
        yield stack


def _environment(manifests: list[Manifest], first: int) -> dict[str, dict[str, str]]:
    """All pods share this machine's network: ports by component, of which several may run one service. The gateway has
    the first one."""
    modules = {service.module: service for service in SERVICES}
    found: dict[str, dict[str, str]] = {}
    for each in manifests:
        if each["kind"] != "Deployment":
            continue
        service = modules[pod_of(each)["containers"][0]["args"][-1]]
        port = first if service.own_metrics else first + 2 * (len(found) + 1)
        found[each["metadata"]["labels"]["app.kubernetes.io/component"]] = {
            "VAI_HTTP_HOST": "127.0.0.1",
            "VAI_HTTP_PORT": str(port),
            **({"VAI_METRICS_PORT": str(first + 50)} if service.own_metrics else {}),
            **({"VAI_GRPC_HOST": "127.0.0.1", "VAI_GRPC_PORT": str(port + 1)} if service.grpc else {}),
        }
    return found


def _manifests(servers: Stack, first: int) -> list[Manifest]:
    said: dict[str, Any] = {
        "image": {"repository": image().rpartition(":")[0], "tag": version(), "pullPolicy": "Never"},
        "kafka": {"brokers": servers.kafka},
        "lake": {"existingClaim": _LAKE},
        "migrations": {"mode": "job"},
        "database": {"maxConnections": 200},
    }
    manifests = helm.template([helm.CHART / "ci/one-node-values.yaml"], said)
    return for_podman(manifests, _environment(manifests, first))


@contextmanager
def _lake(engine: Engine) -> Iterator[None]:
    """A volume that the image's user may write: podman does not know fsGroup."""
    engine.run("volume", "create", _LAKE, quiet=True)
    try:
        chown = ("chown", "10001:10001", "/lake")
        engine.run("run", "--rm", "--pull", "never", "-u", "0", "-v", f"{_LAKE}:/lake", image(), *chown, quiet=True)
        yield
    finally:
        engine.run("volume", "rm", "-f", _LAKE, check=False, quiet=True)


async def _ended(api: httpx2.AsyncClient, kind: str, definition: dict[str, Any]) -> dict[str, Any]:
    made = await api.post(_RUNS, json={"kind": kind, "definition": definition})
    assert made.status_code in (200, 201, 202), made.text
    seen: dict[str, Any] = {}

    async def has_ended() -> bool:
        seen.update((await api.get(f"{_RUNS}/{made.json()['id']}")).json())
        return seen["status"] in ("completed", "failed", "cancelled")

    await wait_for(has_ended, 60, every=0.2, what=f"the end of {kind}")
    return seen


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(300)
async def test_the_main_job_is_done_in_pods_of_the_chart_which_stop_when_they_are_told_to(
    engine: Engine, servers: Stack
) -> None:
    first = random_base()
    pods = _manifests(servers, first)
    secrets = {
        "vai-database": {"url": servers.database, "direct-url": servers.database},
        "vai": {
            "encryption-keys": f"k1:{base64.b64encode(bytes(range(32))).decode()}",
            "token-secret": "for this test and nothing else, of no use",
            "admin-token": "for this test and nothing else, of no use",
        },
    }
    key = {"X-API-Key": servers.api_key}
    with _lake(engine), playing(engine, pods, secrets):
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{first}", headers=key, timeout=30) as api:

            async def is_ready() -> bool:
                try:
                    return (await api.get(f"http://127.0.0.1:{first + 50}/readyz")).status_code == 200
                except httpx2.TransportError:
                    return False

            await wait_for(is_ready, 60, every=0.3, what="the gateway is ready")
            bronze = await _ended(api, "dlt_extract", {"source": "sample", "resources": ["orders"]})
            assert bronze["status"] == "completed", bronze
            silver = {
                "transform_name": "stg_orders",
                "inputs": [{"bronze_dataset": "bronze.sample.orders"}],
                "sql": "SELECT * FROM {{ bronze_orders }}",
            }
            built = await _ended(api, "duckdb_transform", silver)
            assert built["status"] == "completed", built
        _stop(engine, pods)


def _stop(engine: Engine, pods: list[Manifest]) -> None:
    """SIGTERM reaches process 1 of each: it stops by itself, and says so."""
    services = [pod for pod in pods if pod["metadata"]["labels"]["app.kubernetes.io/component"] != "migrate"]
    began = steady_seconds()
    engine.run("pod", "stop", "-t", "60", *(pod["metadata"]["name"] for pod in services), quiet=True)
    assert steady_seconds() - began < STOP_SECONDS * len(services)
    for pod in pods:
        name = container_of(pod)
        state = engine.run("inspect", name, "--format", "{{.State.ExitCode}}", quiet=True).stdout.strip()
        said = engine.run("logs", name, quiet=True)
        assert state == "0", f"{name} ended with {state}: {(said.stdout + said.stderr)[-2000:]}"
