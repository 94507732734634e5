"""Writes deploy/grafana/*.json; `--check` says what is stale, and which query asks for what is not there.

usage: python -m tools.deploy.dashboards [--check]
"""

import sys
from pathlib import Path

from tools.deploy.dashboards.build import DASHBOARDS, json_of
from tools.deploy.promql import faults

FOLDER = Path(__file__).parents[3] / "deploy/grafana"


def wrong() -> list[str]:
    """Queries that ask for a metric or a label that nobody exports."""
    return [
        f"{page.title}, {panel.title}: {fault}"
        for page in DASHBOARDS
        for panel in page.panels
        for query in panel.queries
        for fault in faults(query.scoped)
    ]


def stale() -> list[str]:
    """Files that are not what the code says, or that it does not know."""
    made = {f"{page.uid}.json": json_of(page) for page in DASHBOARDS}
    there = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Write, or check."""
    found = wrong()
    if "--check" in arguments:
        found += [f"deploy/grafana/{name} is stale: make generate" for name in stale()]
    else:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in FOLDER.glob("*.json"):
            path.unlink()
        for page in DASHBOARDS:
            (FOLDER / f"{page.uid}.json").write_text(json_of(page))
    for line in found:
        sys.stderr.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
