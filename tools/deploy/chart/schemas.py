"""Whether manifests are what Kubernetes and the operators take: strictly, so an unknown field is an error.

The schemas are data under tests/chart/schemas (NOTICE says whose). Those of custom resources are open by default; here
they are closed, except where they say that anything goes.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tools.deploy.chart.helm import ROOT, Manifest

FOLDER = ROOT / "tests/chart/schemas"
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")

_CORE = {
    ("apps/v1", "Deployment"): "apps.v1.Deployment",
    ("v1", "Service"): "core.v1.Service",
    ("v1", "ServiceAccount"): "core.v1.ServiceAccount",
    ("v1", "ConfigMap"): "core.v1.ConfigMap",
    ("v1", "Secret"): "core.v1.Secret",
    ("v1", "Pod"): "core.v1.Pod",
    ("v1", "PersistentVolumeClaim"): "core.v1.PersistentVolumeClaim",
    ("batch/v1", "Job"): "batch.v1.Job",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networking.v1.NetworkPolicy",
    ("networking.k8s.io/v1", "Ingress"): "networking.v1.Ingress",
    ("policy/v1", "PodDisruptionBudget"): "policy.v1.PodDisruptionBudget",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling.v2.HorizontalPodAutoscaler",
}
_NO_PAIRS = ("x-kubernetes-preserve-unknown-fields", "additionalProperties")


def faults(manifest: Manifest, version: str) -> Iterator[str]:
    """What is wrong with a manifest for one version of Kubernetes; a kind that nobody knows is wrong, too."""
    api, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
    name = f"{kind} {manifest.get('metadata', {}).get('name')}"
    validator = _core(version, _CORE[api, kind]) if (api, kind) in _CORE else _custom(api, kind)
    if validator is None:
        yield f"{name}: no schema of {api} {kind} is known"
        return
    for error in validator.iter_errors(manifest):
        yield f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def custom_kinds() -> list[str]:
    """The custom resources whose schemas are here."""
    return sorted(path.stem for path in (FOLDER / "crds").glob("*.json"))


@cache
def _core(version: str, name: str) -> Draft202012Validator:
    definitions = {
        each: next((form["schema"] for form in forms if version in form["versions"]), True)
        for each, forms in json.loads((FOLDER / "kubernetes.json").read_text()).items()
    }
    return Draft202012Validator({"$ref": f"#/$defs/io.k8s.api.{name}", "$defs": definitions})


@cache
def _custom(api: str, kind: str) -> Draft202012Validator | None:
    path = FOLDER / "crds" / f"{kind.lower()}_{api.rpartition('/')[2]}.json"
    if not path.is_file():
        return None
    schema = _closed(json.loads(path.read_text()))
    schema["properties"]["apiVersion"] = {"const": api}
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft202012Validator(schema)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        name: {field: _closed(each) for field, each in value.items()} if name == "properties" else _closed(value)
        for name, value in schema.items()
    }
    if "properties" in schema and not any(word in schema for word in _NO_PAIRS):
        closed["additionalProperties"] = False
    return closed


def scaler_faults(scaled: Manifest, authentication: Manifest) -> Iterator[str]:
    """Whether KEDA knows the keys of each trigger, and where it may read them from: its own schema of scalers."""
    scalers = {each["type"]: each["parameters"] for each in json.loads(_scalers().read_text())["scalers"]}
    given = {reference["parameter"] for reference in authentication["spec"]["secretTargetRef"]}
    for trigger in scaled["spec"]["triggers"]:
        known = {parameter["name"]: parameter for parameter in scalers.get(trigger["type"], [])}
        name = f"{scaled['metadata']['name']}: trigger {trigger['type']}"
        for key, value in trigger["metadata"].items():
            if not known.get(key, {}).get("metadataVariableReadable"):
                yield f"{name} has no key {key} in its metadata"
            if not isinstance(value, str):
                yield f"{name}: {key} is no text"
        for key in given:
            if not known.get(key, {}).get("triggerAuthenticationVariableReadable"):
                yield f"{name} takes no {key} from a TriggerAuthentication"
        for key, parameter in known.items():
            if not parameter.get("optional") and key not in trigger["metadata"].keys() | given:
                yield f"{name} wants {key}"


def _scalers() -> Path:
    return FOLDER / "keda-scalers.json"
