"""Alerts ask for what there is, each has a test and a runbook that begins with the first command to type."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.architecture.workspace import ROOT
from tools.deploy import alerts


def test_the_alerts_are_sound() -> None:
    assert alerts.wrong() == []


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("vai_schedule_overdue_seconds", "vai_schedule_overdue", "no metric"),
        ("runbooks/lake-disk.md", "runbooks/lake.md", "is not there"),
        ("runbooks/lake-disk.md", "runbooks/certificate.md", "does not begin with"),
        ("VaiLakeDisk", "VaiLakeDiscs", "sees it fire"),
        ("severity: critical", "severity: terrible", "severity"),
    ],
)
def test_a_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, was: str, becomes: str, fault: str
) -> None:
    changed = tmp_path / "rules.yaml"
    changed.write_text(alerts.RULES.read_text().replace(was, becomes))
    monkeypatch.setattr(alerts, "RULES", changed)
    assert any(fault in line for line in alerts.wrong())


def test_without_promtool_the_check_says_what_it_did_not_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.deploy.alerts"],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "tests were not run: there is no promtool" in done.stdout) == (0, True), done.stderr


def test_every_label_of_a_summary_is_one_that_the_alert_has() -> None:
    for rule in yaml.safe_load(alerts.RULES.read_text())["groups"][0]["rules"]:
        for label in ("kind", "host", "name"):
            if f"$labels.{label}" in str(rule["annotations"]):
                assert label in rule["expr"], rule["alert"]
