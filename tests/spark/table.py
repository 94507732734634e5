"""Draws the table of what differs in docs/transforms.md, from the cases and what came out (outcomes.json).

usage: python -m tests.spark.table [--compare SPARK]

--compare runs all cases first, in DuckDB and in the Spark at that address (sc://HOST:PORT), and writes outcomes.json.
What is told there (`DIFFERS`) is for a person to write.
"""

import json
import sys
from pathlib import Path

from tests.spark.both import Both
from tests.spark.cases import CASES
from tests.spark.tables import DIFFERS

ROOT = Path(__file__).parents[2]
PAGE, OUTCOMES = ROOT / "docs/transforms.md", Path(__file__).with_name("outcomes.json")
_BEGIN, _END = "<!-- differs: begin, drawn by python -m tests.spark.table -->", "<!-- differs: end -->"


def page() -> str:
    """docs/transforms.md with the table."""
    text = PAGE.read_text()
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}\n{_table()}\n{_END}{rest.partition(_END)[2]}"


def _table() -> str:
    outcomes = json.loads(OUTCOMES.read_text())
    differing = [case for case in CASES if outcomes[f"{case.table}: {case.what}"] == "other"]
    lines = ["| SQL | In Spark |", "|---|---|"]
    lines += [f"| `{_cell(case.what)}` | {DIFFERS[case.what]} |" for case in differing]
    counts = f"{sum(each == 'same' for each in outcomes.values())} of {len(outcomes)} cases give the same rows"
    for said, kinds in {
        "Refused before the run waits for the table": ("refused",),
        "An error of the run": ("spark fails", "both fail"),
    }.items():
        named = [f"`{_cell(case.what)}`" for case in CASES if outcomes[f"{case.table}: {case.what}"] in kinds]
        lines += ["", f"{said}: {', '.join(named)}."]
    return "\n".join([f"{counts}. Rows that are not the same:", "", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def compare(url: str) -> None:
    """Run all cases, show those that are not the same, and keep what came out."""
    found = {}
    with Both({"url": url, "token": ""}) as both:
        for case in CASES:
            outcome = both.compare(case)
            name = f"{case.table}: {case.what}"
            found[name] = outcome.said
            if outcome.said != "same":
                sys.stdout.write(f"{outcome.said}: {name}: {outcome.detail}\n")
    OUTCOMES.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    if "--compare" in sys.argv:
        compare(sys.argv[-1])
    PAGE.write_text(page())
