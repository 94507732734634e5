"""What the chart makes is what Kubernetes, the operators and a platform team take."""

import copy
from typing import Any

import pytest

from tests.chart.rendered import FILES, of_kind, rendered
from tools.deploy.chart import helm, policy, schemas
from tools.deploy.chart.helm import Manifest

_EACH = pytest.mark.parametrize("name", FILES)


@_EACH
def test_the_chart_is_linted_strictly(name: str) -> None:
    assert "0 chart(s) failed" in helm.lint(FILES[name])


@_EACH
@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_every_manifest_is_valid_strictly(name: str, version: str) -> None:
    manifests = rendered(name, version)
    assert manifests
    assert [fault for each in manifests for fault in schemas.faults(each, version)] == []


@_EACH
def test_the_policies_hold(name: str) -> None:
    assert list(policy.faults(rendered(name))) == []


def test_every_custom_resource_that_has_a_schema_here_is_made_by_some_values() -> None:
    made = {each["kind"].lower() for name in FILES for each in rendered(name)}
    assert {kind.rpartition("_")[0] for kind in schemas.custom_kinds()} <= made


def _deployment() -> Manifest:
    return copy.deepcopy(of_kind(rendered("full"), "Deployment")["vai-extract-worker"])


def _container(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda each: each["spec"].update(replicas=1), "replicas beside a scaler"),
        (lambda each: _container(each)["env"].append({"name": "VAI_KAFKA", "value": "x"}), "VAI_KAFKA twice"),
        (lambda each: _container(each).update(image="vai:latest"), "without a version"),
        (lambda each: _container(each).update(image="vai"), "without a version"),
        (lambda each: _container(each)["securityContext"].pop("capabilities"), "keeps capabilities"),
        (lambda each: each["spec"]["template"]["spec"].pop("securityContext"), "runs as root"),
        (lambda each: each["spec"]["template"]["spec"].pop("automountServiceAccountToken"), "token"),
        (lambda each: each["spec"]["template"]["spec"]["volumes"].append({"name": "h", "hostPath": {}}), "hostPath"),
        (lambda each: _container(each)["resources"].pop("limits"), "no bound of memory"),
        (lambda each: _container(each).pop("livenessProbe"), "no livenessProbe"),
    ],
)  # fmt: skip
def test_the_policies_find_a_mistake(spoil: Any, fault: str) -> None:
    spoiled = _deployment()
    spoil(spoiled)
    others = [each for each in rendered("full") if each["metadata"]["name"] != "vai-extract-worker"]
    scaler = of_kind(rendered("full"), "ScaledObject")["vai-extract-worker"]
    assert any(fault in found for found in policy.faults([spoiled, scaler, *others]))


@pytest.mark.parametrize(
    ("kind", "spoil", "fault"),
    [
        ("Deployment", lambda each: _container(each).update(comand=["x"]), "comand"),
        ("ScaledObject", lambda each: each["spec"].update(minReplicas=1), "minReplicas"),
        ("ScaledObject", lambda each: each["spec"]["fallback"].update(replicas="1"), "replicas"),
        ("PodMonitor", lambda each: each["spec"]["podMetricsEndpoints"][0].update(intervall="5s"), "intervall"),
        ("HorizontalPodAutoscaler", lambda each: each.update(apiVersion="autoscaling/v2beta2"), "no schema"),
    ],
)
def test_the_schemas_find_a_mistake(kind: str, spoil: Any, fault: str) -> None:
    spoiled = copy.deepcopy(next(iter(of_kind(rendered("full"), kind).values())))
    spoil(spoiled)
    assert any(fault in found for found in schemas.faults(spoiled, "1.34"))


def test_the_notes_say_the_next_command() -> None:
    said = helm.notes()
    assert "rollout status deployment/vai-api-gateway" in said
    assert "helm -n default test vai" in said
    assert "admin organisations create" in said
    assert "It may need 183 of 250 connections" in said
