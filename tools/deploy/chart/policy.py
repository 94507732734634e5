"""Rules for manifests that hold for any values, as platform teams ask for them: the restricted pod security standard,
one scaler per deployment.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools.deploy.chart.helm import Manifest

_RUNS = {"Deployment", "Job", "Pod"}
_VOLUMES = {"emptyDir", "secret", "configMap", "persistentVolumeClaim", "projected", "csi", "ephemeral", "downwardAPI"}
_VERSIONED = re.compile(r"@sha256:[0-9a-f]{64}$|:(?!latest$)[\w][\w.-]*$")


def faults(manifests: list[Manifest]) -> Iterator[str]:
    """What is wrong, in words."""
    names = Counter((each["kind"], each["metadata"]["name"]) for each in manifests)
    yield from (f"{kind} {name} stands twice" for (kind, name), count in names.items() if count > 1)
    scaled = {target for each in manifests if (target := _target(each))}
    for each in manifests:
        if each["kind"] in _RUNS:
            yield from (f"{each['kind']} {each['metadata']['name']}: {fault}" for fault in _of_pods(pod_of(each)))
        if each["kind"] == "Deployment":
            yield from _of_deployment(each, scaled)
    selectors = Counter(str(each["spec"]["selector"]) for each in manifests if each["kind"] == "Deployment")
    yield from (f"two deployments select {selector}" for selector, count in selectors.items() if count > 1)


def pod_of(manifest: Manifest) -> dict[str, Any]:
    """The spec of the pods that it makes."""
    spec: dict[str, Any] = manifest["spec"]
    return spec if manifest["kind"] == "Pod" else spec["template"]["spec"]


def _target(manifest: Manifest) -> str | None:
    """The deployment that it scales."""
    if manifest["kind"] not in ("ScaledObject", "HorizontalPodAutoscaler"):
        return None
    return str(manifest["spec"]["scaleTargetRef"]["name"])


def _of_deployment(manifest: Manifest, scaled: set[str]) -> Iterator[str]:
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    if (name in scaled) == ("replicas" in spec):
        yield f"Deployment {name}: " + (
            "replicas beside a scaler: the two fight for the field" if name in scaled else "nobody says how many"
        )
    labels = spec["template"]["metadata"]["labels"]
    if not spec["selector"]["matchLabels"].items() <= labels.items():
        yield f"Deployment {name}: its selector does not find its own pods"
    for container in spec["template"]["spec"]["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe not in container:
                yield f"Deployment {name}: no {probe}"
        ports = {port["name"] for port in container["ports"]}
        asked = {container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")}
        yield from (f"Deployment {name}: a probe asks {port}, which is no port" for port in asked - ports)


def _of_pods(pod: dict[str, Any]) -> Iterator[str]:
    if pod.get("automountServiceAccountToken") is not False:
        yield "the token of the service account is mounted"
    for word in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(word):
            yield f"{word} is not restricted"
    for volume in pod.get("volumes", []):
        kinds = volume.keys() - _VOLUMES - {"name"}
        yield from (f"a volume of {kind} is not restricted" for kind in kinds)
    mounted = {volume["name"] for volume in pod.get("volumes", [])}
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        yield from _of_container(container, pod.get("securityContext", {}))
        missing = {mount["name"] for mount in container.get("volumeMounts", [])} - mounted
        yield from (f"the volume {name} is mounted and not there" for name in missing)


def _of_container(container: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    wanted = {
        "runs as root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 1) != 0,
        "has no seccomp profile": pod.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "may gain rights": own.get("allowPrivilegeEscalation") is False,
        "keeps capabilities": own.get("capabilities", {}).get("drop") == ["ALL"],
        "may write its root": own.get("readOnlyRootFilesystem") is True,
        "has no bound of memory": "memory" in container.get("resources", {}).get("limits", {}),
        "requests nothing": {"cpu", "memory"} <= container.get("resources", {}).get("requests", {}).keys(),
        f"has an image without a version: {container['image']}": _VERSIONED.search(container["image"]) is not None,
    }
    yield from (f"{container['name']} {fault}" for fault, holds in wanted.items() if not holds)
    twice = [name for name, count in Counter(each["name"] for each in container.get("env", [])).items() if count > 1]
    yield from (f"{container['name']} has {name} twice" for name in twice)
