"""Builds the consumers under examples/ and has each read the events of a real stack: `make examples`.

One whose tools are not here, or whose registry does not answer, is not run; the last lines say which were.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of, create_run, run_when, running_stack
from vai_testkit.wait import wait_for

FOLDER = Path(__file__).resolve().parents[1] / "examples/consumers"
_BUF = str(Path(sys.executable).parent / "buf")

HEARD_SECONDS = 120.0
"""A first join of the embedded broker's groups takes the Java client up to half a minute."""

Command = tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """`reach` asks the registry for what the build needs; where that fails, the example is not to blame."""

    name: str
    run: Command
    tools: tuple[str, ...] = ()
    reach: Command | None = None
    build: tuple[Command, ...] = ()

    @property
    def folder(self) -> Path:
        return FOLDER / self.name


EXAMPLES = (
    Example("python", (sys.executable, "consumer.py")),
    Example(
        "go",
        ("./consumer",),
        tools=("go",),
        reach=("go", "mod", "download"),
        build=((_BUF, "generate"), ("go", "vet", "./..."), ("go", "build", "-o", "consumer", ".")),
    ),
    Example(
        "java",
        ("java", "-jar", "target/consumer.jar"),
        tools=("java", "mvn"),
        reach=("mvn", "-q", "-B", "-ntp", "dependency:get", "-Dartifact=org.apache.kafka:kafka-clients:4.1.0:pom"),
        build=(("mvn", "-q", "-B", "-ntp", "package"),),
    ),
)


class Broken(Exception):
    """An example does not build, or does not hear what it should."""


def build(example: Example) -> str:
    """Builds it; answers why it cannot be built here, or nothing. Raises Broken where it should build and does not."""
    if missing := [tool for tool in example.tools if shutil.which(tool) is None]:
        return f"there is no {' and no '.join(missing)}"
    if example.reach is not None and (complaint := _complaint(example, example.reach)):
        return f"its registry does not answer: {complaint.splitlines()[-1]}"
    for command in example.build:
        _say(f"{example.name}: {' '.join(command)}")
        if complaint := _complaint(example, command):
            raise Broken(f"{example.name} does not build: {complaint}")
    return ""


def _complaint(example: Example, command: Command) -> str:
    """What a command that failed had to say; empty for one that succeeded."""
    done = subprocess.run(command, cwd=example.folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"exit {done.returncode}"


class Reader:
    """A consumer that runs; `lines` is all that it has printed."""

    def __init__(self, example: Example, process: asyncio.subprocess.Process) -> None:
        self.example = example
        self.lines: list[str] = []
        self._process = process

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    async def hears(self, run_id: str) -> None:
        """Returns when it has printed the run's action.completed. Raises Broken when it ends, or is not heard of."""

        def has_come() -> bool:
            if self._process.returncode is not None:
                raise Broken(f"{self.example.name} ended: exit {self._process.returncode}")
            return any(f"action.completed {run_id}-" in line for line in self.lines)

        try:
            await wait_for(has_come, HEARD_SECONDS, every=0.1, what=f"{self.example.name} prints the event")
        except AssertionError as error:
            raise Broken(f"{error}; it printed {self.lines}") from error

    def repeated(self) -> list[str]:
        return [line for line, count in Counter(self.lines).items() if count > 1]


@asynccontextmanager
async def reading(example: Example, kafka: str) -> AsyncIterator[Reader]:
    environment = {**os.environ, "KAFKA": kafka, "GROUP": f"{example.name}-{uuid7()}"}
    process = await asyncio.create_subprocess_exec(
        *example.run, cwd=example.folder, env=environment, stdout=asyncio.subprocess.PIPE
    )
    reader = Reader(example, process)
    reads = asyncio.create_task(reader.read())
    try:
        yield reader
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.gather(process.wait(), reads), 20)
        except TimeoutError:
            process.kill()
            raise Broken(f"{example.name} does not end at SIGTERM") from None


async def show(examples: Sequence[Example], stack: Stack) -> None:
    """Each prints a run's event; all events are sent again, then another run ends, and none has printed one twice."""
    async with client_of(stack) as api, AsyncExitStack() as open_readers:
        readers = [await open_readers.enter_async_context(reading(one, stack.kafka)) for one in examples]
        began = now().isoformat()
        first = await _ended_run(api)
        await asyncio.gather(*(reader.hears(first) for reader in readers))
        await _sent_again(stack, api, began)
        second = await _ended_run(api)
        await asyncio.gather(*(reader.hears(second) for reader in readers))
        for reader in readers:
            if repeated := reader.repeated():
                raise Broken(f"{reader.example.name} printed twice: {repeated}")
            _say(next(f"{reader.example.name}: {line}" for line in reader.lines if f"completed {first}" in line))


async def _sent_again(stack: Stack, api: httpx2.AsyncClient, since: str) -> None:
    again = await api.post("/api/v1/events/replay", json={"since": since})
    assert (again.status_code, again.json()["count"] >= 2) == (202, True), again.text
    database = await asyncpg.connect(stack.database)

    async def all_is_sent() -> bool:
        return not await database.fetchval("SELECT EXISTS (SELECT FROM events WHERE published_at IS NULL)")

    try:
        await wait_for(all_is_sent, 30, what="the replay is sent")
    finally:
        await database.close()


async def _ended_run(api: httpx2.AsyncClient) -> str:
    run = await create_run(api, "dlt_extract", {"source": "sample", "resources": ["orders"]})
    ended = await run_when(api, run["id"], timeout=60.0)
    assert ended["status"] == "completed", ended
    return str(run["id"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> int:
    why_not = {example: build(example) for example in EXAMPLES}
    ready = [example for example, why in why_not.items() if not why]
    with tempfile.TemporaryDirectory() as folder:
        async with running_stack(Path(folder) / "vai") as stack:
            await show(ready, stack)
            broker = stack.broker.kind
    for example, why in why_not.items():
        _say(f"examples/consumers/{example.name}: {f'not run, {why}' if why else f'heard its events ({broker})'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except Broken as error:
        sys.exit(str(error))
