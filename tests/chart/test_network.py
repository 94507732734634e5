"""What may reach what: the intent as a table, held against the policies that the chart makes."""

import pytest

from tests.chart.rendered import of_kind, rendered
from tools.deploy.chart.network import End, may, pods

DNS = End({"k8s-app": "kube-dns"}, "kube-system")
INGRESS, PROMETHEUS, STRANGER = End(namespace="ingress-nginx"), End(namespace="monitoring"), End(namespace="shop")
COLLECTOR = End(namespace="telemetry")
POSTGRES, KAFKA, LAKE, SPARK, CRM = (
    End(address=address) for address in ("10.0.5.7", "10.0.6.7", "10.0.7.10", "10.0.8.9", "10.1.2.3")
)
PUBLIC, PUBLIC6, METADATA, PRIVATE, CGNAT, LOCAL6 = (
    End(address=address)
    for address in ("93.184.216.34", "2606:2800::1", "169.254.169.254", "10.9.9.9", "100.64.1.1", "fd00::1")
)

WORKERS = ("extract-worker", "transform-worker", "query-worker", "agent-worker", "crm-extract")
EVERYBODY = (*WORKERS, "api-gateway", "run-dispatcher", "scheduler", "watchdog")
FACE_THE_INTERNET = ("extract-worker", "query-worker", "agent-worker", "crm-extract", "api-gateway", "scheduler")

# Who, whom, port, and who alone may.
OUT = [
    (POSTGRES, 5432, (*EVERYBODY, "migrate", "test")),
    (KAFKA, 9093, (*EVERYBODY, "test")),
    (LAKE, 9000, (*EVERYBODY, "test")),
    (SPARK, 15002, ("transform-worker",)),
    (SPARK, 22, ()),
    (COLLECTOR, 4317, (*EVERYBODY, "test")),
    (PUBLIC, 443, FACE_THE_INTERNET),
    (PUBLIC, 8443, FACE_THE_INTERNET),
    (PUBLIC6, 443, FACE_THE_INTERNET),
    (CRM, 443, ("crm-extract",)),
    (CRM, 22, ()),
    (POSTGRES, 22, ()),
    (METADATA, 80, ()),
    (PRIVATE, 443, ()),
    (CGNAT, 443, ()),
    (LOCAL6, 443, ()),
    (STRANGER, 80, ()),
    (End({"k8s-app": "other"}, "kube-system"), 53, ()),
]
GATEWAY, WORKER = "api-gateway", "agent-worker"
IN = [
    (INGRESS, GATEWAY, 8080, True),
    (STRANGER, GATEWAY, 8080, False),
    (PROMETHEUS, GATEWAY, 9090, True),
    (INGRESS, GATEWAY, 9090, False),
    (PROMETHEUS, WORKER, 8080, True),
    (STRANGER, WORKER, 8080, False),
    (STRANGER, WORKER, 50051, False),
    (PROMETHEUS, WORKER, 50051, False),
    (PROMETHEUS, "watchdog", 8080, True),
]


@pytest.mark.parametrize(("target", "port", "who"), OUT, ids=lambda value: str(getattr(value, "address", "")) or None)
def test_who_reaches_what_is_outside(target: End, port: int, who: tuple[str, ...]) -> None:
    manifests = rendered("full")
    assert {name for name, pod in pods(manifests).items() if may(manifests, pod, target, port)} == set(who)


def test_everybody_resolves_names() -> None:
    manifests = rendered("full")
    assert all(may(manifests, pod, DNS, 53, "UDP") for pod in pods(manifests).values())


@pytest.mark.parametrize(("source", "target", "port", "allowed"), IN)
def test_who_reaches_a_pod_from_outside(source: End, target: str, port: int, allowed: bool) -> None:
    manifests = rendered("full")
    assert may(manifests, source, pods(manifests)[target], port) is allowed


def test_only_the_gateway_calls_workers() -> None:
    manifests = rendered("full")
    found = pods(manifests)
    callers = {(one, other) for one in found for other in found if may(manifests, found[one], found[other], 50051)}
    assert callers == {("api-gateway", name) for name in (*WORKERS, "scheduler")}


def test_only_the_helm_test_calls_the_gateway_from_inside() -> None:
    manifests = rendered("full")
    found = pods(manifests)
    assert {name for name in found if may(manifests, found[name], found["api-gateway"], 9090)} <= {"test"}


def test_what_operators_run_is_reached_by_its_labels() -> None:
    manifests = rendered("operators")
    worker = pods(manifests)["transform-worker"]
    assert may(manifests, worker, End({"cnpg.io/cluster": "vai-postgres"}), 5432)
    assert may(manifests, worker, End({"strimzi.io/cluster": "vai-kafka"}), 9093)
    assert not may(manifests, worker, End({"cnpg.io/cluster": "other"}), 5432)


def test_no_policy_of_ours_holds_the_pods_of_an_operator() -> None:
    """Operators hand the labels of a custom resource on to the pods that they make of it."""
    manifests = rendered("operators")
    made = [each for each in manifests if each["kind"] in ("Cluster", "Kafka", "KafkaNodePool")]
    assert len(made) == 3
    for each in made:
        server = End(each["metadata"]["labels"])
        assert may(manifests, STRANGER, server, 9093), each["kind"]
        assert may(manifests, server, PRIVATE, 9093), each["kind"]


def test_without_policies_nobody_is_held() -> None:
    manifests = rendered("one-node")
    assert may(manifests, STRANGER, pods(manifests)["agent-worker"], 50051)


def test_egress_names_ports_by_numbers() -> None:
    """Which port a name means is known where it is let in; on the way out some network plugins cannot tell."""
    policies = of_kind(rendered("full"), "NetworkPolicy").values()
    rules = [rule for each in policies for rule in each["spec"].get("egress", [])]
    ports = [str(port["port"]) for rule in rules for port in rule.get("ports", [])]
    assert {"50051", "8080", "5432"} <= set(ports)
    assert [port for port in ports if not port.isdigit()] == []
