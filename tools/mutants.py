"""Changes the code in small ways and runs the tests that should notice: `make mutants` (T="advance conditions").

The tool is mutmut. It expects one package with its tests, so each target gets a copy of its member under
`.cache/mutants/`. Look at each surviving mutant: `python -m mutmut show NAME` in that folder prints it. Some change
nothing that a test could see. A mutant is switched on after modules are imported, so mutants of code that only runs
during the import always survive, and tables and SQL text at the top of a module are not changed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = ROOT / ".cache/mutants"
_SILENT = 5
"""The exit code of pytest, and so of mutmut, where no test ran."""


@dataclass(frozen=True)
class Target:
    """A module of a member (`libs/records`), and the tests that hold it."""

    member: str
    module: str
    tests: tuple[str, ...]

    @property
    def package(self) -> str:
        return self.module.split("/")[0]


def _of_records(module: str, *tests: str) -> Target:
    return Target("libs/records", f"vai_records/{module}", tests)


TARGETS = {
    "lifecycle": _of_records("lifecycle/transitions.py", "lifecycle/test_lifecycle.py"),
    "held_for": _of_records("runs/held_for.py", "runs/test_held_for.py"),
    "advance": _of_records("automations/advance.py", "automations/test_advance.py", "automations/test_courses.py"),
    "references": _of_records(
        "automations/references.py",
        "automations/test_references.py",
        "automations/test_reference_slips.py",
        "automations/test_reference_places.py",
        "automations/test_reference_names.py",
    ),
    "conditions": _of_records("definitions/conditions.py", "definitions/test_conditions.py"),
    "sql-text": _of_records("definitions/sql_text.py", "definitions/test_sql_text.py"),
    "signatures": Target(
        "services/api-gateway", "vai_api_gateway/webhooks/signatures.py", ("webhooks/test_signatures.py",)
    ),
    "sql-safety": Target(
        "services/transform-worker", "vai_transform_worker/query/safety.py", ("query/test_safety.py",)
    ),
}


def staged(name: str, target: Target) -> Path:
    """A folder as mutmut wants it: the package under src/, its tests, and one pyproject.toml."""
    stage, member = STAGES / name, ROOT / target.member
    shutil.rmtree(stage, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(member / "src" / target.package, stage / "src" / target.package, ignore=ignored)
    shutil.copytree(member / "tests", stage / target.member / "tests", ignore=ignored)
    (stage / "pyproject.toml").write_text(_settings(target))
    # A test of the lifecycle compares docs/lifecycle.md and its picture, by their paths from where pytest runs.
    shutil.copytree(ROOT / "docs", stage / "docs")
    (stage / "mutants/src").mkdir(parents=True)  # Python remembers of a path that it was not there
    return stage


def _settings(target: Target) -> str:
    pytest = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    return f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/{target.module}"]
also_copy = ["pyproject.toml", "docs", "{target.member.split("/")[0]}"]
pytest_add_cli_args = ["-p", "no:randomly", "-p", "no:xdist", "--hypothesis-profile=ci"]
pytest_add_cli_args_test_selection = {[f"{target.member}/tests/{test}" for test in target.tests]}
timeout_constant = 20.0

[tool.pytest.ini_options]
addopts = "{pytest["addopts"]}"
asyncio_mode = "auto"
pythonpath = ["."]
asyncio_default_fixture_loop_scope = "function"
markers = {pytest["markers"]}
"""


def _mutmut(stage: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The copy comes before the installed package."""
    environment = os.environ | {"PYTHONPATH": f"{stage}/mutants/src", "VAI_FUZZ": "0"}
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(command, cwd=stage, env=environment, capture_output=True, text=True, check=False)


def survivors(name: str) -> list[str]:
    """The mutants that no test noticed. Raises RuntimeError with mutmut's words where it could not run."""
    stage = staged(name, TARGETS[name])
    run = _mutmut(stage, "run", "--max-children", "2")
    told = _mutmut(stage, "results").stdout.splitlines()
    if run.returncode not in (0, _SILENT):
        raise RuntimeError(f"{name}: mutmut ended with {run.returncode}\n{(run.stdout + run.stderr)[-3000:]}")
    return [line.strip() for line in told if line.strip()]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TARGETS)}; all where none is named")
    names = parser.parse_args(arguments).names
    if unknown := sorted(set(names) - set(TARGETS)):
        parser.error(f"there is no target {', '.join(unknown)}: take {', '.join(TARGETS)}")
    for name in names or TARGETS:
        left = survivors(name)
        sys.stdout.write(f"{name} ({TARGETS[name].module}): {len(left)} survived; they are in .cache/mutants/{name}\n")
        sys.stdout.writelines(f"  {line}\n" for line in left)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
