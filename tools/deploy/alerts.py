"""Are the alerts sound? Their queries, their tests, their runbooks; and what promtool says of them, where it is.

usage: python -m tools.deploy.alerts [--check]

--check leaves promtool out. Exits 1 where something is wrong; without promtool it says what was not run.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tools.deploy.promql import faults

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/alerts/rules.yaml"
TESTS = ROOT / "deploy/alerts/tests.yaml"
RUNBOOKS = ROOT / "docs/runbooks"
_MOST = 12
"""The largest number of alerts. With too many, nobody reads them."""
_BEGINS = re.compile(r"\A# (\w+): [^\n]+\n\n```sh not run: [^\n]+\n\S")


def alerts() -> list[dict[str, Any]]:
    """Every rule that alerts."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def wrong() -> list[str]:
    """What is wrong with the alerts, in words."""
    rules = alerts()
    found = [f"{len(rules)} alerts are too many: at most {_MOST} are read"] if len(rules) > _MOST else []
    tested = {
        name["alertname"]
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for name in test["alert_rule_test"]
        if name["exp_alerts"]
    }
    for rule in rules:
        found += [f"{rule['alert']}: {fault}" for fault in _faults_of(rule, tested)]
    named = {_runbook(rule) for rule in rules}
    found += [f"{path.name}: no alert names it" for path in sorted(RUNBOOKS.glob("*.md")) if path not in named]
    return found


def _faults_of(rule: dict[str, Any], tested: set[str]) -> Iterator[str]:
    yield from faults(rule["expr"])
    if rule["labels"]["severity"] not in ("warning", "critical"):
        yield "its severity is neither warning nor critical"
    if not {"summary", "description"} <= rule["annotations"].keys():
        yield "it has no summary, or no description"
    if rule["alert"] not in tested:
        yield "no test in deploy/alerts/tests.yaml sees it fire"
    page = _runbook(rule)
    if not page.is_file():
        yield f"its runbook docs/runbooks/{page.name} is not there"
    elif (begins := _BEGINS.match(page.read_text())) is None or begins[1] != rule["alert"]:
        yield f"docs/runbooks/{page.name} does not begin with '# {rule['alert']}: …' and the first command to type"


def _runbook(rule: dict[str, Any]) -> Path:
    return RUNBOOKS / str(rule["annotations"]["runbook_url"]).rpartition("/")[2]


def _promtool() -> int:
    tool = shutil.which("promtool")
    if tool is None:
        _say("alerts: promtool's tests were not run: there is no promtool (Debian: apt-get install prometheus)")
        return 0
    checked = subprocess.run([tool, "check", "rules", "--lint=all", "--lint-fatal", str(RULES)], check=False)
    return checked.returncode or subprocess.run([tool, "test", "rules", str(TESTS)], check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Check everything, or what needs no promtool."""
    found = wrong()
    for line in found:
        sys.stderr.write(f"{line}\n")
    if found or "--check" in arguments:
        return 1 if found else 0
    _say(f"alerts: {len(alerts())} rules, each with a test and a runbook; their queries ask for what there is")
    return _promtool()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
