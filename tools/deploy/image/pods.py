"""Runs the chart's own manifests in pods of podman, without a cluster. Only parts that podman cannot do are removed.

Taken out: probes and hooks (podman's timers need systemd), named ports (all pods share this machine's network, so each
gets numbers of its own), the address of the pod (127.0.0.1 here). Jobs become pods. Debian's podman 4.3 reads Secrets
that were made as JSON, so they are made so.
"""

import base64
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tools.deploy.chart.helm import Manifest
from tools.deploy.chart.policy import pod_of
from tools.deploy.image.engine import Engine

_NOT_HERE = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "ports")


def for_podman(manifests: list[Manifest], environment: Mapping[str, Mapping[str, str]]) -> list[Manifest]:
    """Deployments and Jobs as podman plays them; `environment` is laid over that of each component."""
    found = []
    for each in manifests:
        if each["kind"] not in ("Deployment", "Job"):
            continue
        spec, component = pod_of(each), each["metadata"]["labels"]["app.kubernetes.io/component"]
        for container in spec["containers"]:
            for word in _NOT_HERE:
                container.pop(word, None)
            container["env"] = _laid_over(container["env"], environment.get(component, {}))
        for word in ("topologySpreadConstraints", "serviceAccountName", "enableServiceLinks"):
            spec.pop(word, None)
        metadata = {"name": each["metadata"]["name"], "labels": each["metadata"]["labels"]}
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return found


def _laid_over(env: list[dict[str, Any]], given: Mapping[str, str]) -> list[dict[str, Any]]:
    kept = [each for each in env if each["name"] not in given and "fieldRef" not in each.get("valueFrom", {})]
    return [*kept, *({"name": name, "value": value} for name, value in given.items())]


@contextmanager
def playing(engine: Engine, manifests: list[Manifest], secrets: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """The pods, and the Secrets that they name, for as long as the block. Raises EngineFailed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pods.yaml"
        file.write_text(yaml.safe_dump_all(manifests))
        for name, keys in secrets.items():
            said = Path(folder) / f"{name}.json"
            said.write_text(json.dumps({key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}))
            engine.run("secret", "rm", name, check=False, quiet=True)
            engine.run("secret", "create", name, str(said), quiet=True)
        try:
            engine.run("kube", "play", "--network", "host", str(file), quiet=True)
            yield
        finally:
            engine.run(
                "pod", "rm", "-f", "-t", "0", *(each["metadata"]["name"] for each in manifests), check=False, quiet=True
            )
            for name in secrets:
                engine.run("secret", "rm", name, check=False, quiet=True)


def container_of(manifest: Manifest) -> str:
    """The name of a pod's one container in podman."""
    return f"{manifest['metadata']['name']}-{manifest['spec']['containers'][0]['name']}"
