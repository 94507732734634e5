"""A Secret that is missing, or has no such key, stops an install before anything of it is there."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.chart.cluster import cluster
from tests.chart.rendered import FILES
from tools.deploy.chart import helm

_TLS = "kafka.securityProtocol=SSL,kafka.certSecret=vai-kafka-cert,keda.enabled=true"
_ALL = {
    "vai": ["encryption-keys", "token-secret"],
    "vai-database": ["url"],
    "vai-lake": ["AWS_REGION"],
    "vai-kafka-cert": ["tls.crt", "tls.key"],
    "vai-scaler": ["connection"],
}


def _refused(secrets: Mapping[str, Sequence[str]], folder: Path, name: str = "minimal", more: str = _TLS) -> list[str]:
    """What the chart says of a cluster that has these Secrets, before Helm asks for anything else."""
    with cluster(secrets, folder) as config:
        command = [str(helm.find()), "template", "vai", str(helm.CHART), "-n", "vai", "--dry-run=server"]
        command += ["--disable-openapi-validation", "--kubeconfig", str(config)]
        command += ["-f", str(FILES[name][0]), "--set", more]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    return re.findall(r"^  - (.*)$", said, re.MULTILINE)


def test_with_all_secrets_nothing_is_missing(tmp_path: Path) -> None:
    assert _refused(_ALL, tmp_path) == []


@pytest.mark.parametrize(
    ("missing", "keys"), [("vai-database", "url"), ("vai-scaler", "connection"), ("vai-lake", "its variables")]
)
def test_a_secret_that_is_missing_is_named(missing: str, keys: str, tmp_path: Path) -> None:
    there = {name: keys for name, keys in _ALL.items() if name != missing}
    words = f"there is no Secret {missing} in the namespace vai: make it, with {keys} (docs/kubernetes.md)"
    assert _refused(there, tmp_path) == [words]


def test_a_secret_without_its_keys_is_named_with_them(tmp_path: Path) -> None:
    short = {**_ALL, "vai": ["token-secret"], "vai-kafka-cert": ["tls.crt"]}
    assert _refused(short, tmp_path) == [
        "the Secret vai in the namespace vai has no key encryption-keys: add it (docs/kubernetes.md)",
        "the Secret vai-kafka-cert in the namespace vai has no key tls.key: add it (docs/kubernetes.md)",
    ]


def test_a_secret_that_serves_for_several_things_has_the_keys_of_all(tmp_path: Path) -> None:
    there = {name: keys for name, keys in _ALL.items() if name not in ("vai-database", "vai")}
    both = f"{_TLS},database.existingSecret=one,secrets.existingSecret=one"
    assert _refused({**there, "one": ["url", "token-secret"]}, tmp_path, more=both) == [
        "the Secret one in the namespace vai has no key encryption-keys: add it (docs/kubernetes.md)"
    ]


def test_what_an_operator_makes_is_not_asked_for(tmp_path: Path) -> None:
    there = {"vai": _ALL["vai"], "vai-lake": [], "vai-scaler": ["username", "password"]}
    assert _refused(there, tmp_path, "operators", "keda.enabled=true") == []
    stored = "migrations.mode=job,externalSecrets.store.name=s,externalSecrets.secrets.vai-lake=a"
    assert _refused({**_ALL, "vai-lake": []}, tmp_path, more=f"{_TLS},{stored}") == []
