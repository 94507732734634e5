"""`python -m bench [NAME …]`: the benchmarks by name, in the order of the tables below; or all.

`python -m bench capacity [simulate]` stands apart: it writes constants that are committed (`bench.capacity`). So does
`python -m bench against FOLDER`: it needs another checkout (`bench.against`).
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import (
    against,
    agents,
    automations,
    console,
    databases,
    fairness,
    files,
    footprint,
    kinds,
    limits,
    lists,
    pages,
    parallel,
    path,
    rates,
    recovery,
    rollout,
    slices,
    statements,
    streams,
    transforms,
    vendors,
    webhooks,
)
from bench.capacity import command as capacity
from bench.measure import Measure, state_of_machine, table
from vai_testkit.stack import running_stack

_ON_A_STACK: Mapping[str, tuple[str, Measure]] = {
    "footprint": ("What an idle stack costs", footprint.measure),
    "path": ("The empty path", path.measure),
    "statements": ("Time does not slow it down", statements.measure),
}
_ON_THEIR_OWN: Mapping[str, tuple[str, Measure, dict[str, Any]]] = {
    "recovery": ("When a worker dies", recovery.measure, {"replicas": {"extract-worker": 2}}),
    "rollout": ("When workers are replaced, and come up from zero", rollout.measure, {}),
    "streams": ("Those who follow logs", streams.measure, {}),
    "automations": ("Automations", automations.measure, {}),
    "schedules": ("Schedules", automations.measure_schedules, {"replicas": {"scheduler": 2}}),
    "limits": ("Through a limit", limits.measure, {}),
    "fairness": ("A flood stays its maker's", fairness.measure, {}),
    "rates": (
        "A vendor's pace, kept by all",
        rates.measure,
        {"replicas": {"extract-worker": 2}, "environment": {"VAI_SLOTS": "2"}},
    ),
    "webhooks": ("Webhooks", webhooks.measure, {}),
    "lists": ("Lists at a million runs", lists.measure, {}),
    "agents": ("Agents", agents.measure, {}),
    "console": ("The console in a real Chromium", console.measure, {"environment": console.ENVIRONMENT}),
    "apache": ("The empty path on Apache Kafka", path.measure_apache, {"kafka": "apache"}),
}
_WITHOUT = {
    "starts": ("How long it takes to be there", footprint.measure_starts),
    "files": ("A long file", files.measure),
    "parallel": ("Pages side by side", parallel.measure),
    "slices": ("Many slices", slices.measure),
    "kinds": ("Extractions beside plain dlt", kinds.measure),
    "vendors": ("Sources of vendors beside plain dlt, where nothing limits", vendors.measure),
    "pages": ("Pages beside trafilatura", pages.measure),
    "sql": ("Tables of a database beside dlt's Arrow back end", databases.measure),
    "transforms": ("Transforms beside plain DuckDB and deltalake", transforms.measure),
}
_NAMES = (*_ON_A_STACK, *_ON_THEIR_OWN, *_WITHOUT)


async def main(names: list[str]) -> None:
    """Prints a table for each benchmark."""
    chosen = names or [name for name in _NAMES if name != "apache" or shutil.which("java")]
    if unknown := sorted(set(chosen) - set(_NAMES)):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(_NAMES)}")
    print(state_of_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="vai-") as folder:
        await _on_a_stack([name for name in _ON_A_STACK if name in chosen], Path(folder) / "shared")
        for name, (title, measure, options) in _ON_THEIR_OWN.items():
            if name in chosen:
                async with running_stack(Path(folder) / name, **options) as stack:
                    print(table(title, await measure(stack)), flush=True)
    for name, (title, alone) in _WITHOUT.items():
        if name in chosen:
            print(table(title, await alone()), flush=True)
    if not names and "apache" not in chosen:
        print("The path on Apache Kafka was not measured: there is no java.")


async def _on_a_stack(names: list[str], folder: Path) -> None:
    if names:
        async with running_stack(folder) as stack:
            for name in names:
                title, measure = _ON_A_STACK[name]
                print(table(title, await measure(stack)), flush=True)


_APART = {"capacity": capacity.main, "against": against.command}


if __name__ == "__main__":
    _apart = _APART.get("".join(sys.argv[1:2]))
    asyncio.run(main(sys.argv[1:]) if _apart is None else _apart(sys.argv[2:]))
