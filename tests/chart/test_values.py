"""Bad values are refused with words; every value changes something."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendered import FILES, of_kind
from tools.deploy.chart import helm
from tools.deploy.chart.__main__ import faults
from tools.deploy.chart.helm import Refused
from tools.deploy.chart.page import at, leaves, read_schema

_EXTRACT = {"kinds": ["dlt_extract"]}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"gatway": {"replicas": 2}}, "gatway"),
        ({"gateway": {"replica": 2}}, "replica"),
        ({"workers": {"a": {**_EXTRACT, "slot": 3}}}, "slot"),
        ({"workers": {"a": {"kinds": ["dlt_extrakt"]}}}, "must be one of"),
        ({"workers": {"a": {"kinds": ["dlt_extract", "http_request"]}}}, "make two workers"),
        ({"workers": {"Big_Extracts": _EXTRACT}}, "Big_Extracts"),
        ({"workers": {"scheduler": _EXTRACT}}, "has this name"),
        ({"workers": {"migrate": _EXTRACT}}, "has this name"),
        ({"workers": {"deny": _EXTRACT}}, "has this name"),
        ({"lake": {"existingSecret": "vai"}}, "variables of every pod"),
        ({"workers": {"agent-worker": None}}, "no worker serves http_request"),
        ({"workers": {"a": {}}}, "kinds"),
        ({"keda": {"enabled": True}, "workers": {"agent-worker": {"scaling": {"min": 0}}}}, "somebody waits"),
        ({"keda": {"enabled": True}, "workers": {"a": {**_EXTRACT, "scaling": {"min": 5, "max": 2}}}}, "more than max"),
        ({"gateway": {"autoscaling": {"min": 3, "max": 2}}}, "more than max"),
        ({"database": {"maxConnections": 100}}, "the pods may need 183"),
        ({"env": {"VAI_POOL_SIZE": "40"}}, "the pods may need"),
        ({"workers": {"extract-worker": {"childMemoryMb": 8192}}}, "would end the whole worker"),
        ({"workers": {"extract-worker": {"resources": {"limits": {"memory": "lots"}}}}}, "/limits/memory"),
        ({"gateway": {"resources": {"requests": {"cpu": "500 m"}}}}, "/requests/cpu"),
        ({"migrations": {"resources": {"limit": {"memory": "1Gi"}}}}, "limit"),
        ({"workers": {"extract-worker": {"replicas": 0}}}, "no worker serves dlt_extract"),
        ({"lake": {"url": "file:///lake"}}, "lake.existingClaim is empty"),
        ({"lake": {"url": "/lake"}}, "/lake/url"),
        ({"spark": {"url": "http://spark:15002"}}, "/spark/url"),
        ({"kafka": {"securityProtocol": "SASL_SSL"}}, "want kafka.existingSecret"),
        ({"kafka": {"caSecret": "ca"}}, "takes no certificates"),
        ({"kafka": {"brokers": "kafka"}}, "/kafka/brokers"),
        ({"cnpg": {"enabled": True}}, "say job"),
        ({"externalSecrets": {"store": {"name": "s"}, "secrets": {"vai-database": "x"}}}, "say job"),
        ({"externalSecrets": {"secrets": {"vai": "x"}}}, "externalSecrets.store.name"),
        ({"strimzi": {"enabled": True}, "secrets": {"existingSecret": "vai-kafka-user"}}, "would write over yours"),
        (
            {"cnpg": {"enabled": True}, "migrations": {"mode": "job"}, "lake": {"existingSecret": "vai-postgres-app"}},
            "would write over yours",
        ),
        ({"workers": {"a": {**_EXTRACT, "reaches": ["crm"]}}}, "networkPolicy.targets does not have"),
        ({"env": {"VAI_LOG_LEVLE": "debug"}}, "VAI_LOG_LEVLE"),
        ({"env": {"VAI_SLOTS": "3"}}, "VAI_SLOTS"),
        ({"env": {"VAI_PROXIES": 3}}, "/env/VAI_PROXIES"),
        ({"env": {"VAI_POOL_SIZE": {"valueFrom": {"fieldRef": {"fieldPath": "a"}}}}}, "must be a number"),
        ({"gateway": {"env": {"VAI_LISTS_POOL_SIZE": "40"}}}, "the pods may need"),
        ({"pods": {"extra": {"containers": []}}}, "invalid propertyName 'containers'"),
        ({"pods": {"spread": "Never"}}, "/pods/spread"),
        ({"fullnameOverride": "Big_Name"}, "/fullnameOverride"),
        ({"image": {"tag": "latest"}}, "/image/tag"),
        ({"image": {"digest": "sha256:12"}}, "/image/digest"),
        ({"gateway": {"ingress": {"enabled": True}}}, "/gateway/ingress/host"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_with_words(said: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        helm.template((), said)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("written", "is_enough"),
    [
        *(("2049Mi", True), ("2Gi", False), ("3Gi", True), ("1.5Gi", False), ("2097152Ki", False), ("1Ti", True)),
        *(("2G", False), ("6G", True), ("2000M", False), ("6000M", True), ("2147483648", False), ("6000000000", True)),
        *((2147483648, False), (6000000000, True), ("2e9", False), ("6e9", True), ("6000000000000m", True)),
    ],
)
def test_memory_is_read_as_kubernetes_writes_it(written: str | int, is_enough: bool) -> None:
    said = {"childMemoryMb": 2048, "resources": {"limits": {"memory": written}}}
    assert (_text("minimal", {"workers": {"extract-worker": said}}) is not None) == is_enough


@pytest.mark.parametrize(
    ("said", "kind", "name", "path"),
    [
        *(
            ({name: {"replicas": 0}}, "Deployment", f"vai-{component}", ("replicas",))
            for name, component in (("runDispatcher", "run-dispatcher"), ("scheduler", "scheduler"))
        ),
        (
            {"workers": {"extract-worker": {"replicas": 0}}, "unservedKinds": ["dlt_extract", "file_sync"]},
            *("Deployment", "vai-extract-worker", ("replicas",)),
        ),
        ({"watchdog": {"maxUnavailable": 0}}, "PodDisruptionBudget", "vai-watchdog", ("maxUnavailable",)),
        ({"keda": {"enabled": True, "cooldownSeconds": 0}}, "ScaledObject", "vai-extract-worker", ("cooldownPeriod",)),
        ({"keda": {"enabled": True}}, "ScaledObject", "vai-extract-worker", ("minReplicaCount",)),
    ],
)
def test_nothing_is_not_taken_for_something_that_was_not_said(
    said: dict[str, Any], kind: str, name: str, path: tuple[str, ...]
) -> None:
    """0 is empty for templates, as a value that is left out is."""
    found: Any = of_kind(helm.template((), said), kind)[name]["spec"]
    for part in path:
        found = found[part]
    assert found == 0


def test_private_addresses_that_no_network_policy_lets_through_are_told(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("allowPrivateAddresses: 10.1.0.0/16\n")
    assert "the network policies stop them there" in helm.notes([values])
    values.write_text("allowPrivateAddresses: 10.1.0.0/16\nnetworkPolicy: {enabled: false}\n")
    assert "the network policies stop them there" not in helm.notes([values])


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Refused) as refused:
        helm.template(
            (), {"lake": {"url": "file:///lake"}, "cnpg": {"enabled": True}, "database": {"maxConnections": 50}}
        )
    assert str(refused.value).count("\n  - ") == 3


def test_two_workers_with_one_name_are_found_before_helm_takes_the_last(tmp_path: Any) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("workers:\n  a: {kinds: [dlt_extract]}\n  a: {kinds: [http_request]}\n")
    (fault,) = faults([values])
    assert fault == f"{values}: a stands twice in the map that begins in line 2"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe", "cannot be read"),
        (b"lake: [", "is no YAML"),
        (b"{[a]: b}", "is no YAML"),
        (b"- lake", "values are a map"),
        (b"lake", "values are a map"),
    ],
)
def test_a_file_that_holds_no_values_is_named(tmp_path: Path, written: bytes | None, said: str) -> None:
    path = tmp_path / "values.yaml"
    if written is not None:
        path.write_bytes(written)
    (fault,) = faults([path])
    assert fault.startswith(f"{path}: {said}")
    assert "\n" not in fault


def test_sound_values_are_sound() -> None:
    assert list(faults(FILES["full"])) == []


_SCHEMA = read_schema()
_PATHS = [path for path in leaves(_SCHEMA, _SCHEMA) if path[0] != "global"]
_TEXTS = {
    "digest": "sha256:" + "ab" * 32,
    "url": "s3://other/lake",
    "openlineage.url": "http://other:5001/api/v1/lineage",
    "spark.url": "sc://other:15009",
    "brokers": "other:9095",
    "publicUrl": "https://other.example",
    "endpoint": "http://other:4318",
    "interval": "7s",
    "runbooks": "https://other.example/runbooks/",
    "refreshInterval": "7h",
    "storage": "7Gi",
    "scratch": "7Gi",
    "path": "/other",
}
_OTHERS: dict[str, Any] = {
    "env": {"HTTP_PROXY": "http://other"},
    "resources": {"requests": {"cpu": "7m", "memory": "7Mi"}, "limits": {"memory": "7Gi"}},
    "reaches": ["internet"],
    "annotations": {"other": "one"},
    "labels": {"other": "one"},
    "nodeSelector": {"other": "one"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"podAffinity": {}},
    "volumes": [{"name": "other", "emptyDir": {}}],
    "volumeMounts": [{"name": "tmp", "mountPath": "/other"}],
    "securityContext": {"runAsUser": 7},
    "hostnames": ["other.example"],
    "containerSecurityContext": {"runAsUser": 7},
    "pullSecrets": ["other"],
    "parentRefs": [{"name": "other"}],
    "sample": 0.7,
    "secrets": {"other": "one"},
    "extraObjects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other"}}],
    "ports": [{"port": 777}],
    "maxUnavailable": 2,
    "deploymentAnnotations": {"other": "one"},
    "serviceAnnotations": {"other": "one"},
    "initContainers": [{"name": "other", "image": "other:1"}],
    "extra": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["other"]}]},
    "envFrom": [{"secretRef": {"name": "other"}}],
    "scaleUp": {"policies": [{"type": "Pods", "value": 7, "periodSeconds": 7}]},
    "scaleDown": {"policies": [{"type": "Pods", "value": 7, "periodSeconds": 7}]},
    "kinds": ["http_request"],
    "unservedKinds": helm.read_values(helm.CHART / "values.yaml")["workers"]["agent-worker"]["kinds"],
}
_PEERS = {"database", "kafka", "lake", "otlp", "openlineage", "spark", "dns", "clients", "scrapers", "to"}
_NAMES = {"workers": "crm-extract", "networkPolicy": "crm"}
_WITHOUT_SCALERS = {"keda": {"enabled": False}, "gateway": {"autoscaling": {"enabled": False}}}
_BOUNDS = [("database", "maxConnections"), ("database", "reservedConnections")]
_ROOM = {"database": {"maxConnections": 90000}, "monitoring": {"dashboards": False}}
_CONTEXTS: list[tuple[str, dict[str, Any]]] = [
    ("full", {"image": {"digest": ""}}),
    ("full", {}),
    ("operators", {}),
    ("full", _WITHOUT_SCALERS),
    ("full", {"workers": {"crm-extract": {"scaling": {"min": 2, "max": 400}}}}),
    ("full", {"workers": {"other": {"kinds": ["dlt_extract"]}}}),
    ("full", {"workers": {"agent-worker": None}}),
    ("full", {"externalSecrets": {"secrets": {}}}),
    ("one-node", {}),
]


def _others(path: tuple[str, ...]) -> list[Any]:
    """Other values that the schema takes."""
    schema, name = at(_SCHEMA, path), path[-1]
    if path[0] == "networkPolicy" and name in _PEERS:
        return [[{"ipBlock": {"cidr": "203.0.113.0/24"}}]]
    if name in _OTHERS:
        return [_OTHERS[name]]
    if schema["type"] == "boolean":
        return [True, False]
    if schema["type"] == "string":
        return list(schema.get("enum", [_TEXTS.get(".".join(path)) or _TEXTS.get(name, "other")]))
    least = schema.get("minimum", 0)
    return [max(least, min(schema.get("maximum", 333), 333)), least + 1, least + 2]


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(under)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _said(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    names = [_NAMES[path[0]] if name == "*" else name for name in path]
    for name in reversed(names):
        value = {name: value}
    said: dict[str, Any] = value
    return said


def _text(name: str, said: dict[str, Any]) -> str | None:
    try:
        return helm.text(FILES[name], said)
    except Refused:
        return None


@cache
def _before(index: int) -> str | None:
    name, context = _CONTEXTS[index]
    return _text(name, _merged(_ROOM, context))


@pytest.mark.parametrize("path", [path for path in _PATHS if path not in _BOUNDS], ids=".".join)
def test_every_value_changes_something(path: tuple[str, ...]) -> None:
    """A value that nobody reads is none."""
    for index, (name, context) in enumerate(_CONTEXTS):
        for value in _others(path):
            after = _text(name, _merged(_merged(_ROOM, context), _said(path, value)))
            if after is not None and after != _before(index):
                return
    raise AssertionError("it changes nothing")


@pytest.mark.parametrize("path", _BOUNDS, ids=".".join)
def test_a_bound_of_connections_holds(path: tuple[str, ...]) -> None:
    assert [_text("minimal", _said(path, value)) is None for value in (10, 9000)].count(True) == 1
