"""Where a folder of an SFTP server is, as a path of `file_sync` says it."""

import re
from typing import Final
from urllib.parse import urlsplit

SCHEME: Final = "sftp://"
"""Begins the path of a folder: sftp://host/folder, or sftp://host:2222/~/folder for one below the user's own."""

PORT: Final = 22
HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}\]?")


def folder_of(path: str) -> tuple[str, int, str]:
    """Host, port and folder of `sftp://host[:port]/folder`. Raises ValueError for what is none."""
    fault = ValueError("an SFTP folder is sftp://host/folder, or sftp://host/~/folder for one below the user's own")
    place, slash, folder = path.removeprefix(SCHEME).partition("/")
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise fault from None
    if not host or not HOST.fullmatch(host) or port == 0 or not slash or {"", "."} & {*folder.split("/")[:-1]}:
        raise fault
    return host, port or PORT, f"/{folder}".rstrip("/") or "/"
