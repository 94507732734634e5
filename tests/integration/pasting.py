"""Commands of a page, pasted into a shell one after the other."""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.integration import warm_vai
from vai_testkit.wait import wait_for

_PLAYED = f"""
make() {{ echo "make $*"; }}
vai() {{ {sys.executable} -I -S -c "$PASTED_CALLER" "$PASTED_SOCKET" "$@" 2>&1; }}
set -e
"""
"""The stack is that of the tests, so `make` only says what it was asked for; `vai` is the one that is tested."""


async def pasted(commands: Iterable[str], folder: Path, told: Mapping[str, str]) -> str:
    """What they print, both streams together. `told` is added to the environment, in which nothing of ours is left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VAI_")}
    with TemporaryDirectory() as short:  # the path of a socket has 107 characters at most
        listens = Path(short) / "vai"
        serving = await asyncio.create_subprocess_exec(sys.executable, warm_vai.__file__, str(listens))
        try:
            await wait_for(listens.exists, 60, every=0.05, what="vai is imported")
            ours = {"XDG_CONFIG_HOME": str(folder), "PASTED_CALLER": warm_vai.CALLER, "PASTED_SOCKET": str(listens)}
            process = await asyncio.create_subprocess_exec(
                *("bash", "-c", _PLAYED + "\n".join(commands)),
                cwd=folder,
                env=kept | ours | dict(told),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said = (await process.communicate())[0].decode()
        finally:
            serving.kill()
            await serving.wait()
    assert process.returncode == 0, f"{said}\nexit code {process.returncode}"
    return said
