"""Runs the examples that serve the outside world themselves: vendors, databases, models. A part of `make examples`."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vai_testkit.stack import running_stack

EXAMPLES = ("agent_to_automation", "amazon", "chat_thread", "file_sync", "klaviyo", "shopify", "sql_database")
"""Packages of `examples`."""


async def main() -> int:
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        async with running_stack(Path(folder) / "vai") as stack:
            environment = {**os.environ, "VAI_API_URL": stack.api_url, "VAI_API_KEY": stack.api_key}
            for name in EXAMPLES:
                done = await asyncio.to_thread(
                    subprocess.run,
                    (sys.executable, "-m", f"examples.{name}"),
                    env=environment, capture_output=True, text=True, check=False, timeout=300,
                )  # fmt: skip
                shown = done.stdout.strip().splitlines()
                if done.returncode:
                    failed.append(name)
                    sys.stdout.write(done.stdout + done.stderr)
                sys.stdout.write(
                    "\n".join(shown[-12:]) + f"\nexamples/{name}: {'failed' if done.returncode else 'ran'}\n"
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
