"""Writes the lists of docs/metrics.md from the `metrics.py` of every member. `--check` only says whether it is stale.

What stands between the two marks of the page is drawn; the rest is written by hand.
"""

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

from tools.drawn_page import write_or_check

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/metrics.md"
_MARKED = re.compile(r"(<!-- drawn by make generate -->\n).*(<!-- end -->)", re.DOTALL)

LABELS = {
    "change": "added, changed, kept, same, removed",
    "channel": "a kind, or a word of the bell",
    "code": "an error code of document 000",
    "direction": "in, out; of a sync pull, push",
    "kind": "a kind of action",
    "layer": "bronze, silver, gold",
    "loop": "a background loop of the code",
    "method": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, other",
    "organisation": "the slug (or the id, without one) of one of the 50 largest; only with `VAI_METRICS_ORGANISATIONS`",
    "outcome": "of a look: done, busy (another process looks), failed; of a call: 1xx to 5xx, failed; of spans: sent,"
    " failed; of a model: answered, an error code in small letters, failed; of upkeep:"
    " done, failed; of MCP: ok, error, cancelled",
    "phase": "queued, leased",
    "pool": "main, lists (the gateway's)",
    "provider": "openai, anthropic, google, openai_compatible",
    "reason": "of held runs: approval, limit, deferred, scheduled; of webhooks: the type of the error",
    "route": "a path of the API as it is declared, or other",
    "service": "one of the seven services",
    "source": "what `source` of an extraction may be",
    "state": "busy, idle",
    "status": "of a run: its final status; of a request: the status code, or gone (the client went away)",
    "stream": "run_log, automation_log, changes",
    "tool": "a tool of /mcp that every client has; exposed, for actions and automations",
    "triggered_by": "what may start an automation",
    "type": "a topic of public events",
    "version": "the version of the service",
    "why": "of a process: connection, beat, lease; of a child: memory, frozen, crash",
}
"""Every label, and the few values that it may have."""

_SECTIONS = {
    "vai_common": "Every service",
    "vai_records": "Whoever writes runs and events",
    "vai_worker": "Every worker: extract-worker, transform-worker, agent-worker, scheduler",
    "vai_api_gateway": "api-gateway",
    "vai_run_dispatcher": "run-dispatcher",
    "vai_scheduler": "scheduler",
    "vai_extract_worker": "extract-worker",
    "vai_transform_worker": "transform-worker",
    "vai_agent_worker": "agent-worker",
    "vai_watchdog": "watchdog",
}


@dataclass(frozen=True)
class Metric:
    """One declared metric: `name` as queries write it (a histogram without its endings), `variable` as code does."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str
    package: str
    variable: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a scrape shows."""
        if self.type == "histogram":
            return tuple(f"{self.name}{ending}" for ending in ("_bucket", "_sum", "_count"))
        return (self.name,)

    @property
    def unit(self) -> str:
        plain = self.name.removesuffix("_total")
        return next((unit for unit in ("seconds", "bytes") if plain.endswith(f"_{unit}")), "")


def modules() -> list[ModuleType]:
    """The `metrics.py` of every member that has one."""
    paths = [*ROOT.glob("libs/*/src/*/metrics.py"), *ROOT.glob("services/*/src/*/metrics.py")]
    return [importlib.import_module(f"{path.parent.name}.metrics") for path in sorted(paths)]


def declared() -> list[Metric]:
    """Every metric, in the order in which it is declared."""
    return [metric for module in modules() for metric in _of(module)]


def _of(module: ModuleType) -> Iterator[Metric]:
    for variable, value in vars(module).items():
        if isinstance(value, MetricWrapperBase) and not variable.startswith("_"):
            [family] = value.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield Metric(
                name, family.type, tuple(value._labelnames), family.documentation, module.__name__[:-8], variable
            )


def draw() -> str:
    """The lists of the page."""
    metrics = declared()
    lines = []
    for package, title in _SECTIONS.items():
        lines += [f"## {title}", "", "| Metric | Type | Unit | Labels | What it says |", "|---|---|---|---|---|"]
        lines += [_row(metric) for metric in metrics if metric.package == package]
        lines.append("")
    lines += ["## Labels", "", "| Label | Values |", "|---|---|"]
    lines += [f"| `{name}` | {values} |" for name, values in LABELS.items()]
    return "\n".join(lines) + "\n"


def _row(metric: Metric) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {metric.unit} | {labels} | {metric.help} |"


def drawn() -> str:
    """The whole page as it should be."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{draw()}\n{found[2]}", PAGE.read_text())


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is stale."""
    return write_or_check(PAGE, drawn(), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
