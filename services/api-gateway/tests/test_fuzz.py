"""The whole OpenAPI document under schemathesis, all checks on: no 500, nothing that is not documented."""

import asyncio
import sys
from pathlib import Path

import pytest

from api_gateway.app import create_app
from api_gateway.gateway import Gateway
from common.health import Health
from testkit.sse import served
from testkit.team import Team

CONFIG = Path(__file__).parent / "schemathesis.toml"


@pytest.mark.timeout(180)
async def test_the_api_is_what_its_document_says(alive: Gateway, team: Team, tmp_path: Path) -> None:
    async with served(create_app(alive, Health())) as url:
        ended, told = await fuzzed(url, team.headers(), tmp_path)
    assert ended == 0, told


async def fuzzed(url: str, headers: dict[str, str], folder: Path) -> tuple[int, str]:
    """Schemathesis' exit code and report."""
    sent = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    program = Path(sys.executable).parent / "st"
    process = await asyncio.create_subprocess_exec(
        program,
        "--config-file",
        CONFIG,
        "run",
        f"{url}/openapi.json",
        "--no-color",
        "--checks",
        "all",
        *sent,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()
