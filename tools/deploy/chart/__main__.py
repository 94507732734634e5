"""Checks the chart and what stands beside it, and says against what: `make chart-check`.

usage: python -m tools.deploy.chart [VALUES.yaml …]

With values files it checks these alone: what the chart makes of them. Without helm (no package index) it says what it
did not run. Exits 1 where something is wrong.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.chart import helm, policy, schemas


def faults(values: list[Path]) -> Iterator[str]:
    """What is wrong with what the chart makes of values files."""
    try:
        for path in values:
            helm.read_values(path)
        helm.lint(values)
        for version in schemas.VERSIONS:
            manifests = helm.template(values, version=version)
            yield from (
                f"Kubernetes {version}: {fault}" for each in manifests for fault in schemas.faults(each, version)
            )
        yield from policy.faults(manifests)
    except helm.Refused as error:
        yield str(error).strip()


def main(arguments: list[str]) -> int:
    tests = Path("tests/chart")
    try:
        _say(f"chart: helm {helm.version()} lints and renders it")
    except helm.NoHelm as error:
        _say(f"chart: lint, rendering and what is checked of manifests were not run, {error}")
        return subprocess.run([sys.executable, "-m", "pytest", "-q", str(tests / "beside")], check=False).returncode
    if arguments:
        found = list(faults([Path(argument) for argument in arguments]))
        for line in found:
            _say(line)
        if not found:
            _say("the values are sound")
        return 1 if found else 0
    files = [*sorted((helm.CHART / "ci").glob("*.yaml")), *sorted((helm.ROOT / "deploy/skaffold").glob("*.yaml"))]
    names = ", ".join(path.name.removesuffix("-values.yaml") for path in files)
    _say(f"chart: of the default values and of {names}, each manifest strictly against")
    _say(f"       the schemas of Kubernetes {', '.join(schemas.VERSIONS)} and of {', '.join(schemas.custom_kinds())};")
    _say("       KEDA's triggers against its schema of scalers, their SQL on a real Postgres;")
    _say("       network policies against a table of what may reach what; the restricted standard; bad values")
    _say("beside it: skaffold.yaml and deploy/docker-compose.yaml against their schemas, the Dockerfile by hadolint")
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "2", str(tests)], check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
