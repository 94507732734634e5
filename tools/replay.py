"""Has an organisation's events sent again: `make replay SINCE=2026-11-22T00:00:00Z [UNTIL=…] [TYPE=action.completed]`.

Through the API, with address and key of the stack in VAI_HOME (.vai), or with VAI_API_URL and VAI_API_KEY.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx2

_SECONDS = 600.0
"""Millions of events take a while to be noted down."""


def place() -> tuple[str, str]:
    """The gateway's address and a key. Exits where there is neither."""
    given = os.environ.get("VAI_API_URL", ""), os.environ.get("VAI_API_KEY", "")
    if all(given):
        return given
    file = Path(os.environ.get("VAI_HOME") or ".vai") / "stack.json"
    try:
        stack = json.loads(file.read_text())
    except OSError:
        sys.exit(f"there is no {file}: start a stack (make up DETACH=1), or set VAI_API_URL and VAI_API_KEY")
    return stack["api_url"], stack["api_key"]


def ask(body: dict[str, Any]) -> str:
    """What the gateway did. Exits with its words where it refused."""
    address, key = place()
    try:
        answer = httpx2.post(f"{address}/api/v1/events/replay", json=body, headers={"X-API-Key": key}, timeout=_SECONDS)
    except httpx2.TransportError as error:
        sys.exit(f"{address} does not answer: {error}")
    if answer.status_code != 202:
        sys.exit(f"{answer.status_code}: {'; '.join(_told(problem) for problem in answer.json()['detail'])}")
    done = answer.json()
    return f"{done['count']} events from {done['since']} to {done['until']} are sent again ({', '.join(done['types'])})"


def _told(problem: dict[str, Any]) -> str:
    return f"{'.'.join(str(step) for step in problem['loc'][1:])}: {problem['msg']}".removeprefix(": ")


def main() -> None:
    parser = argparse.ArgumentParser(usage="make replay SINCE=2026-11-22T00:00:00Z [UNTIL=…] [TYPE=action.completed,…]")
    parser.add_argument("--since", help="RFC 3339, with a time zone")
    parser.add_argument("--until", help="now, where it is absent")
    parser.add_argument("--types", help="topics, with commas in between; all, where they are absent")
    given = parser.parse_args()
    if not given.since:
        parser.error("say from when on: SINCE")
    body = {"since": given.since, "until": given.until, "types": given.types.split(",") if given.types else None}
    sys.stdout.write(ask({name: value for name, value in body.items() if value is not None}) + "\n")


if __name__ == "__main__":
    main()
