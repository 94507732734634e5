"""Decides, as a cluster would, which connections the network policies of manifests allow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tools.deploy.chart.helm import Manifest
from tools.deploy.chart.policy import pod_of


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod by the labels of it and its namespace, or an address outside the cluster."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: str = "vai"
    address: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    """By name, as its containers have them."""


def pods(manifests: list[Manifest]) -> dict[str, End]:
    """The pods that the manifests make, by their component."""
    found = {}
    for each in manifests:
        if each["kind"] in ("Deployment", "Job", "Pod"):
            labels = (each if each["kind"] == "Pod" else each["spec"]["template"])["metadata"]["labels"]
            ports = [port for container in pod_of(each)["containers"] for port in container.get("ports", [])]
            numbers = {port["name"]: port["containerPort"] for port in ports}
            found[labels["app.kubernetes.io/component"]] = End(labels, ports=numbers)
    return found


def may(manifests: list[Manifest], source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    """Whether the source may open a connection: its egress and the target's ingress both have to allow it."""
    return _allows(manifests, "egress", source, target, target, port, protocol) and _allows(
        manifests, "ingress", target, source, target, port, protocol
    )


def _allows(
    manifests: list[Manifest], direction: str, own: End, other: End, target: End, port: int, protocol: str
) -> bool:
    if own.address:  # outside of the cluster: no policy holds it
        return True
    holding = [
        each["spec"]
        for each in manifests
        if each["kind"] == "NetworkPolicy"
        and own.namespace == "vai"
        and direction.capitalize() in each["spec"]["policyTypes"]
        and _selects(each["spec"]["podSelector"], own.labels)
    ]
    rules = [rule for spec in holding for rule in spec.get(direction) or []]
    return not holding or any(_matches(rule, direction, other, target, port, protocol) for rule in rules)


def _matches(rule: dict[str, Any], direction: str, other: End, target: End, port: int, protocol: str) -> bool:
    ports, peers = rule.get("ports"), rule.get("to" if direction == "egress" else "from")
    right_port = not ports or (port, protocol) in _ports(ports, target)
    return right_port and (not peers or any(_is_peer(peer, other) for peer in peers))


def _ports(ports: list[dict[str, Any]], target: End) -> Iterator[tuple[int, str]]:
    for each in ports:
        named = each["port"]
        number = target.ports.get(named) if isinstance(named, str) and not named.isdigit() else int(named)
        if number is not None:
            yield number, each.get("protocol", "TCP")


def _is_peer(peer: dict[str, Any], other: End) -> bool:
    if block := peer.get("ipBlock"):
        inside = [ip_network(block["cidr"]), *map(ip_network, block.get("except", []))]
        address = ip_address(other.address) if other.address else None
        return address is not None and address in inside[0] and not any(address in each for each in inside[1:])
    if other.address:
        return False
    namespace = peer.get("namespaceSelector")
    if namespace is None:
        right = other.namespace == "vai"
    else:
        right = _selects(namespace, {"kubernetes.io/metadata.name": other.namespace})
    return right and _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
