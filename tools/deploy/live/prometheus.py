"""A real Prometheus beside a stack: it scrapes every process each second, and judges the alerts."""

import asyncio
import contextlib
import json
import shutil
import socket
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from vai_devstack.stack import Stack
from vai_testkit.wait import wait_for

BINARY = "prometheus"
MISSING = "there is no prometheus (Debian: apt-get install prometheus)"


@dataclass(frozen=True)
class Line:
    """One series of an answer: its labels, and (seconds, value) without what is not a number."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class Prometheus:
    """Asks the one at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def between(self, expr: str, first: float, last: float, step: float = 1.0) -> list[Line]:
        """The values of an expression over a stretch of time (Unix seconds). Raises `ValueError` if it is refused."""
        asked = {"query": expr, "start": first, "end": last, "step": step}
        found = await self._get("query_range", asked)
        return [
            Line(row["metric"], [(at, float(value)) for at, value in row["values"] if not isnan(float(value))])
            for row in found["result"]
        ]

    async def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        found = await self._get("alerts", {})
        return {each["labels"]["alertname"] for each in found["alerts"] if each["state"] == "firing"}

    async def _get(self, path: str, asked: dict[str, Any]) -> Any:
        return await asyncio.to_thread(self._read, f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(asked)}")

    def _read(self, url: str) -> Any:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode()) from error

    async def is_ready(self) -> bool:
        try:
            await self._get("alerts", {})
        except (OSError, ValueError):
            return False
        return True


@contextlib.asynccontextmanager
async def scraping(stack: Stack, folder: Path, rules: str = "") -> AsyncIterator[Prometheus]:
    """A Prometheus that lives as long as the block; `rules` are the text of its rule file."""
    binary = shutil.which(BINARY)
    if binary is None:
        raise FileNotFoundError(MISSING)
    _configure(folder, [f"127.0.0.1:{instance.health_port}" for instance in stack.instances], rules)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            binary,
            f"--config.file={folder}/prometheus.yaml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        await wait_for(found.is_ready, 30, what=f"Prometheus (its log: {folder}/prometheus.log)")
        yield found
    finally:
        process.terminate()
        await process.wait()


def _configure(folder: Path, targets: list[str], rules: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yaml").write_text(rules or "groups: []\n")
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "vai", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yaml").write_text(json.dumps(settings))
