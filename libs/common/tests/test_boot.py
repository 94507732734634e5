"""The one way in which services start and stop, seen from outside of a real process."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from pydantic import ValidationError

import vai_common
from vai_common.settings import Settings
from vai_testkit.database import Database

A_SERVICE = Path(__file__).with_name("a_service.py")


@asynccontextmanager
async def _started(*arguments: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("VAI_")}
    given = {f"VAI_{name.upper()}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(A_SERVICE),
        *arguments,
        env={**plain, **given},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _settings(database: Database) -> dict[str, str]:
    return {"database_url": database.url, "kafka": "127.0.0.1:1", "lake_url": "file:///lake", "bell": "notify"}


async def _said(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """The first line of the log that tells of this event."""
    assert process.stdout is not None
    while line := await asyncio.wait_for(process.stdout.readline(), 30):
        if line.startswith(b"{") and (entry := orjson.loads(line))["event"] == event:
            return dict(entry)
    raise AssertionError(f"the service ended and never said {event}")


async def _rest(process: asyncio.subprocess.Process) -> str:
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return out.decode()


async def test_what_a_library_logs_is_a_line_of_json_too(database: Database) -> None:
    async with _started(**_settings(database)) as process:
        host, _, port = (await _said(process, "started"))["address"].rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"nonsense\r\n\r\n")
        told = await _said(process, "library")
        writer.close()
    assert (told["logger"], told["level"], told["service"]) == ("uvicorn.error", "warning", "a-service")


async def test_a_service_starts_answers_and_stops_cleanly(database: Database) -> None:
    async with _started(**_settings(database)) as process:
        started = await _said(process, "started")
        assert (started["service"], started["level"]) == ("a-service", "info")
        async with httpx2.AsyncClient(base_url=f"http://{started['address']}") as web:
            assert (await web.get("/healthz")).json() == {"status": "alive"}
            assert (await web.get("/readyz")).status_code == 200
            assert "# TYPE vai_broker_up gauge" in (await web.get("/metrics")).text
            assert (await web.get("/lunch")).status_code == 404
        process.terminate()
        rest = await _rest(process)
    assert process.returncode == 0
    assert rest.index('"stopping"') < rest.index("wound up") < rest.index('"stopped"')


async def test_an_idle_connection_is_kept_as_long_as_the_setting_says(database: Database) -> None:
    async with _started(**_settings(database), http_keep_alive_seconds="1") as process:
        host, _, port = (await _said(process, "started"))["address"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(40):  # by default it would be kept for 75 s
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" not in answer.lower()


async def test_however_often_it_is_told_a_service_ends_with_its_own_code(database: Database) -> None:
    """Also while it closes, and when a connection of its pool is never given back."""
    async with _started("holds", **_settings(database)) as process:
        await _said(process, "started")
        while process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait([asyncio.create_task(process.wait())], timeout=0.02)
        rest = await _rest(process)
    assert (process.returncode, '"what":"the database"' in rest) == (0, True)


async def test_a_stop_that_waits_for_something_is_cut_short_and_says_for_what(database: Database) -> None:
    async with _started("stays", **_settings(database)) as process:
        await _said(process, "started")
        process.terminate()
        told = await _said(process, "stop_cut_short")
        await _rest(process)
    assert process.returncode == 1
    assert any(line.startswith("_run:") for line in told["tasks"])


async def test_a_wrong_environment_is_named_and_starts_nothing() -> None:
    async with _started(kafka="k:1", lake_url="file:///lake", http_port="70000") as process:
        _, error = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert "VAI_DATABASE_URL: is required" in error.decode()
    assert "VAI_HTTP_PORT: must be at most 65535" in error.decode()


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("database_url", ["mysql://x", "nowhere"], ["postgres://a@b/c"]),
        ("lake_url", ["/tmp/x", "file://host/x", "s3://", "https://x", ""], ["file:///a b", "s3://bucket/prefix"]),
        ("kafka", ["nonsense", "a:1,b", "a:0", "a:99999", ""], ["a:1, b:2", "[::1]:9092"]),
        ("otlp_endpoint", ["nowhere", "http://nowhere"], ["", "http://a:4317", "a:4317"]),
        ("allow_private_addresses", ["everything"], ["loopback,10.0.0.0/8"]),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(name: str, wrong: list[str], right: list[str]) -> None:
    good: Any = {"database_url": "postgresql://a@b/c", "kafka": "k:1", "lake_url": "file:///lake"}
    for given in wrong:
        with pytest.raises(ValidationError) as refused:
            Settings(**good | {name: given})
        assert [fault["loc"] for fault in refused.value.errors()] == [(name,)], given
    for given in right:
        assert getattr(Settings(**good | {name: given}), name) == given


async def test_what_keeps_a_service_from_starting_is_one_line(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        url = "postgresql://127.0.0.1:1/x?sslmode=nonsense"
        faults: list[tuple[list[str], dict[str, str], str]] = [
            ([], {"http_port": port}, f"127.0.0.1:{port} (VAI_HTTP_HOST, VAI_HTTP_PORT) cannot be used"),
            (["wrong"], {}, "VAI_KINDS names nothing"),
            ([], {"database_url": url}, ""),
            ([], {"database_url": f"{database.url.rpartition('/')[0]}/nothere"}, "the database refuses the session"),
        ]
        for arguments, settings, told in faults:
            async with _started(*arguments, **_settings(database) | settings) as process:
                _, error = await asyncio.wait_for(process.communicate(), 30)
            assert process.returncode == 1
            (line,) = error.decode().splitlines()
            assert line.startswith(f"a-service cannot start: {told}"), line


async def test_a_service_waits_for_its_database(database: Database) -> None:
    away = {**_settings(database), "database_url": "postgresql://a:b@127.0.0.1:1/nowhere"}
    async with _started(**away) as process:
        waiting = await _said(process, "database_away")
        assert process.returncode is None
    assert "Connection" in waiting["error"] or "refused" in waiting["error"]


async def test_a_service_that_waits_for_its_database_ends_when_it_is_told_to(database: Database) -> None:
    """By a handler of its own: process 1 of a container hears nothing that it has not asked for."""
    away = {**_settings(database), "database_url": "postgresql://a:b@127.0.0.1:1/nowhere"}
    async with _started(**away) as process:
        await _said(process, "database_away")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 128 + signal.SIGTERM


async def test_a_loop_that_ends_by_itself_ends_the_service(database: Database) -> None:
    async with _started("ends", **_settings(database)) as process:
        ended = await _said(process, "loop_ended")
        await _rest(process)
    assert "_ends" in ended["loop"]


def test_the_closed_list_of_modules_is_the_one_in_the_readme() -> None:
    folder = Path(vai_common.__file__).parent
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    modules = {path.name for path in folder.glob("*.py") if path.name != "__init__.py"}
    assert {name for name in modules if f"`{name}`" not in readme} == set()
