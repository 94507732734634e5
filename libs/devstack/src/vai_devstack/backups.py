"""`make backup` and `make restore`: of the installation whose VAI_… settings are given, else of the stack."""

import asyncio
import os
import shutil

from vai_devstack.config import Config
from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.installation import here_or_running, python
from vai_devstack.servers.ports import random_base
from vai_devstack.servers.postgres import binaries
from vai_devstack.stack import Stack, together

_MODULE = "vai_worker.backup"
_NOBODY = "127.0.0.1:1"
"""The settings need a broker's address, although a restore does not use it."""


def backup(home: Home, to: str) -> int:
    """Save database and lake into the folder `to` while everything runs; the exit code."""
    if not to:
        raise StackError("TO is not set", "Name a folder or s3://bucket/prefix: make backup TO=/backups/vai")
    what_to_do = "Set VAI_DATABASE_URL, VAI_KAFKA and VAI_LAKE_URL as a service has them, or make up DETACH=1"
    stack = here_or_running(home, "there is nothing to save", what_to_do)
    return python(_settings(stack["database"], stack["lake"], stack["lake_keys"]) if stack else {}, _MODULE, "save", to)


def restore(home: Home, source: str, name: str = "") -> int:
    """Fill an empty database and an empty lake from `source`, those of a new stack where none is named."""
    if not source:
        raise StackError("FROM is not set", "Name the folder that `make backup` filled: make restore FROM=/backups/vai")
    words = ("restore", source, *((name,) if name else ()))
    if os.environ.get("VAI_DATABASE_URL"):
        return python({}, _MODULE, *words)
    if home.postgres.exists():
        raise StackError(f"{home.root} has a database", "Name a new folder: VAI_HOME=.vai-restored make restore FROM=…")
    if not home.secrets.exists():
        what_to_do = "Put that of the stack that was saved there: its key opens what is stored, its API key is known"
        raise StackError(f"there is no {home.secrets}", what_to_do)
    return asyncio.run(_into_new_stack(home, words))


async def _into_new_stack(home: Home, words: tuple[str, ...]) -> int:
    from vai_devstack.ownership import give_to_services
    from vai_devstack.servers.seed import ensure_database

    stack = Stack(Config(home, only=(), port_base=random_base(), lake=os.environ.get("LAKE", "")))
    failed = True
    try:
        await stack.open()
        await together(stack.postgres.start(), *([] if stack.s3 is None else [stack.s3.start()]))
        await ensure_database(stack.postgres.admin_url)
        await give_to_services(stack.postgres.admin_url, stack.database)
        settings = _settings(stack.database, stack.lake, stack.lake_keys)
        code = await asyncio.to_thread(python, settings, _MODULE, *words)
        failed = code != 0
        return code
    finally:
        await stack.stop()
        home.ports.unlink(missing_ok=True)
        if failed:  # so that it can be tried again
            shutil.rmtree(home.postgres, ignore_errors=True)
            shutil.rmtree(home.lake, ignore_errors=True)
            shutil.rmtree(home.s3, ignore_errors=True)


def _settings(database: str, lake: str, lake_keys: dict[str, str]) -> dict[str, str]:
    """With the embedded server's own client: that of the machine may be older than the server."""
    path = f"{binaries()}{os.pathsep}{os.environ.get('PATH', '')}"
    where = {"VAI_DATABASE_URL": database, "VAI_DATABASE_DIRECT_URL": database, "VAI_LAKE_URL": lake}
    return {**where, **lake_keys, "VAI_KAFKA": _NOBODY, "PATH": path}
