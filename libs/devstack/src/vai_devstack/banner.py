"""The text for a stack that is ready: its addresses, the key, and commands to try next."""

import os
import sys
from pathlib import Path
from typing import Any

from vai_devstack.sites import CONSOLE, GUIDE

_DEFINITION = '{"source": "sample"}'


def banner(stack: dict[str, Any], home: Path, ending: str = "make down stops it") -> str:
    """Made from .vai/stack.json. The same for a new start and for a stack that is already running."""
    shown = _short(home)
    url, key = stack["api_url"], stack["api_key"]
    vai = _short(Path(sys.executable).parent / "vai")
    missing = CONSOLE.told()
    page = f"{url}/" + (
        f"   ({missing}; until then it leads to the docs)" if missing else "   (sign in with the API key)"
    )
    unread = GUIDE.told()
    pages = f"{url}/guide" + (f"   ({unread})" if unread else "")
    body = f'{{"kind": "dlt_extract", "definition": {_DEFINITION}}}'
    return f"""
vai is ready

  Console   {page}
  Guide     {pages}
  API       {url}   (every call explained: {url}/docs)
  API key   {key}
  Kafka     {stack["kafka"]}   ({stack["broker"]})
  Postgres  {_without_password(stack["database"])}   (the whole address: {shown}/stack.json)
  Lake      {stack["lake"]}
  Logs      {shown}/logs

Paste next:

  export VAI_API_URL={url} VAI_API_KEY={key}
  curl -s $VAI_API_URL/api/v1/action-runs -H "X-API-Key: $VAI_API_KEY" -H 'Prefer: wait=30' \\
       -H 'Content-Type: application/json' -d '{body}'
  {vai} run dlt_extract --definition '{_DEFINITION}'
  {vai} runs

make status and make logs SERVICE=extract-worker show more, {ending}.
"""


def _short(path: Path) -> str:
    """Relative to the current folder where that is shorter to type."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _without_password(url: str) -> str:
    user, _, rest = url.rpartition("@")
    return f"{user.rpartition(':')[0]}@{rest}"
