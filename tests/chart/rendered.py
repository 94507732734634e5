"""What the chart makes of the values files under deploy/helm/vai/ci, rendered once."""

from functools import cache
from pathlib import Path

from tools.deploy.chart import helm
from tools.deploy.chart.helm import Manifest

_FOLDERS = (helm.CHART / "ci", helm.ROOT / "deploy/skaffold")
FILES: dict[str, list[Path]] = {
    "default": [],
    **{path.name.removesuffix("-values.yaml"): [path] for folder in _FOLDERS for path in sorted(folder.glob("*.yaml"))},
}
"""Name → values files."""


@cache
def rendered(name: str, version: str = "1.37") -> list[Manifest]:
    return helm.template(FILES[name], version=version)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """By name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}
