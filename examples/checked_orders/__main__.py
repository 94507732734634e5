"""Extracts orders, stops bad rows of a transform by its checks and names them, and shows what the good ones became.

make up DETACH=1
.venv/bin/python -m examples.checked_orders
.venv/bin/python -m examples.checked_orders --engine spark      (where the installation has a Spark cluster)
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.checked_orders.transform import BAD, GOOD, SOURCE, TABLE, definition
from vai import Client, NotFound, Run, VaiError
from vai.cli.screen.show import clean, notes, output
from vai.cli.settings import find_settings

ADVICE = "A stack is needed: make up DETACH=1"


def example(client: Client, engine: str = "duckdb") -> bool:
    """All of it; whether it went as it should. Raises VaiError."""
    made = run(
        client, "dlt_extract", {"source": "sample", "source_name": SOURCE, "resources": ["orders"], "rows": 1_000}
    )
    say(f"bronze.{SOURCE}.orders: {made.display_status}")
    before = versions(client)
    bad = run(client, "duckdb_transform", definition(BAD, engine=engine))
    say(f"\nbad rows: {bad.display_status}, {bad.error.code if bad.error else ''}")
    say(bad.error.message if bad.error else "")
    show((bad.error.details if bad.error else {}).get("checks", []))
    say(f"the table has no new version: {versions(client) == before}")
    planned = run(client, "duckdb_transform", definition(GOOD, engine=engine, dry_run=True))
    say(f"\na dry run reads {json.dumps((planned.result or {}).get('inputs'))} and writes nothing")
    good = run(client, "duckdb_transform", definition(GOOD, engine=engine))
    say(f"\ngood rows: {good.display_status}")
    show((good.result or {}).get("checks", []))
    found = client.datasets.get(f"silver.{TABLE}")
    say(f"{found.name}: {found.row_count:,} rows, version {found.version}, written {found.seconds_old:.0f} s ago")
    return bad.status == "failed" and good.succeeded and versions(client) == before + 1


def run(client: Client, kind: str, what: dict[str, Any]) -> Run:
    return client.runs.wait(client.runs.create(kind, what).id)


def versions(client: Client) -> int:
    """How many writes of the table are known."""
    try:
        return client.datasets.versions(f"silver.{TABLE}").total or 0
    except NotFound:
        return 0


def show(checks: list[dict[str, Any]]) -> None:
    for each in checks:
        sign = "✓" if each["passed"] else "✗" if each["severity"] == "error" else "!"
        say(f"  {sign} {each['name']}: {each['message']}")
        for row in each.get("samples", []):
            say(f"      {json.dumps(row)}")


def say(text: str) -> None:
    output().print(clean(text) if "\n" not in text else text, markup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 as it should be, 1 not, 2 could not be carried out."""
    parser = argparse.ArgumentParser(prog="python -m examples.checked_orders", description=__doc__)
    parser.add_argument("--engine", choices=("duckdb", "spark"), default="duckdb", help="what computes the rows")
    engine = parser.parse_args(arguments).engine
    try:
        settings = find_settings(os.environ, Path.cwd())
        with Client(settings.api_url, settings.api_key) as client:
            return 0 if example(client, engine) else 1
    except VaiError as error:
        notes().print(f"{error}\n{ADVICE}", markup=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
