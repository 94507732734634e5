"""Writes deploy/helm/vai/README.md from values.schema.json, and the topics that the chart carries. `--check`: only says
whether they are stale. Alerts and dashboards are links, which helm follows: a chart carries only what is in its folder.

usage: python -m tools.deploy.chart.page [--check]
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tools.deploy.chart.helm import CHART, ROOT
from vai_common.messages.topics import PARTITIONS, new_topic
from vai_devstack.servers.topics import all_topics

_HEAD = """\
# The chart `vai`

The platform on Kubernetes 1.33 or later, with Helm 4. [docs/kubernetes.md](../../../docs/kubernetes.md) leads from
an empty cluster to the main job; [UPGRADING.md](UPGRADING.md) says what an upgrade asks of you. `make chart-check` says
what the chart was checked against. This page is drawn from `values.schema.json`, which refuses what it does not know.

A worker more, for one kind:

```yaml
workers:
  big-extracts:
    kinds: [dlt_extract]
    slots: 2
    scaling: {max: 5}
```

| Value | Default | Means |
|---|---|---|
"""
_LONGEST = 60


def leaves(schema: dict[str, Any], root: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each value that somebody can say; a `*` stands for a name of one's own."""
    schema = {**resolved(schema, root), **{key: value for key, value in schema.items() if key != "$ref"}}
    more = schema.get("additionalProperties")
    if "properties" in schema:
        for name, each in schema["properties"].items():
            yield from leaves(each, root, (*path, name))
    elif isinstance(more, dict) and "properties" in more:
        yield from leaves(more, root, (*path, "*"))
    else:
        yield path


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` leads to."""
    return root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def at(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of one value."""
    found = schema
    for name in path:
        found = resolved(found, schema)
        found = found["additionalProperties"] if name == "*" else found["properties"][name]
    return {**resolved(found, schema), **{key: value for key, value in found.items() if key != "$ref"}}


def read_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return schema


def page() -> str:
    """README.md."""
    schema, values = read_schema(), yaml.safe_load((CHART / "values.yaml").read_text())
    rows = []
    for path in leaves(schema, schema):
        if path[0] == "global" or _repeats(path, schema):
            continue
        rows.append(f"| `{'.'.join(path)}` | {_default(values, path)} | {_cell(at(schema, path)['description'])} |\n")
    return _HEAD + "".join(rows)


def _repeats(path: tuple[str, ...], schema: dict[str, Any]) -> bool:
    """Whether it is a part of what stands elsewhere: `probes`, `pods`, and what workers share with their defaults."""
    inner = [index for index, name in enumerate(path[:-1]) if name in ("pod", "probes") and index > 0]
    shared = path[:2] == ("workers", "*") and path[2] in schema["properties"]["workerDefaults"]["properties"]
    return bool(inner) or shared


def _default(values: Any, path: tuple[str, ...]) -> str:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return ""
        values = values[name]
    text = json.dumps(values, ensure_ascii=False)
    return "" if values in ("", [], {}) else f"`{text}`" if len(text) <= _LONGEST else "see values.yaml"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def topics() -> str:
    """files/topics.yaml: what Strimzi makes, as the services would."""
    lines = ["# Drawn by make generate from proto/ and the kinds.\n"]
    for name in all_topics():
        kept = new_topic(name).topic_configs["retention.ms"]
        lines.append(f"- {{name: {name}, partitions: {PARTITIONS}, retention_ms: {kept}}}\n")
    return "".join(lines)


def drawn() -> dict[Path, str]:
    """Every file that is drawn, and what it should hold."""
    return {CHART / "README.md": page(), CHART / "files/topics.yaml": topics()}


def stale() -> list[str]:
    """What is not as it would be drawn."""
    wanted = drawn()
    wrong = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    wrong += [path for path in (CHART / "files").iterdir() if not path.is_symlink() and path not in wanted]
    return [str(path.relative_to(ROOT)) for path in wrong]


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        for name in (found := stale()):
            sys.stderr.write(f"{name} is stale: run make generate\n")
        return 1 if found else 0
    for path, text in drawn().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
