"""Runs tools on an installation: the one that the environment names, else the running stack."""

import os
import subprocess
import sys
from typing import Any

from vai_devstack.errors import StackError
from vai_devstack.home import Home, load_secrets
from vai_devstack.up import running


def migrate(home: Home) -> int:
    """Bring the database at VAI_DATABASE_URL, else that of the running stack, to this version; the exit code."""
    stack = here_or_running(home, "there is no database to migrate", "Set VAI_DATABASE_URL, or make up, which migrates")
    return python({"VAI_DATABASE_URL": stack["database"]} if stack else {}, "vai_records.schema.migrate")


def doctor(home: Home) -> int:
    """Look at the installation whose VAI_… settings are given, else at the running stack; the exit code."""
    what_to_do = "Set VAI_DATABASE_URL, VAI_KAFKA and VAI_LAKE_URL as a service has them, or make up DETACH=1"
    stack = here_or_running(home, "there is no installation to look at", what_to_do)
    settings = (
        {
            "VAI_DATABASE_URL": stack["database"],
            "VAI_KAFKA": stack["kafka"],
            "VAI_LAKE_URL": stack["lake"],
            **stack["lake_keys"],
            "VAI_ENCRYPTION_KEYS": load_secrets(home).encryption_keys,
        }
        if stack
        else {}
    )
    return python(settings, "vai_worker.doctor", *(("--json",) if os.environ.get("JSON") else ()))


def here_or_running(home: Home, nothing: str, advice: str) -> dict[str, Any]:
    """The running stack; empty where the environment names a database. Raises StackError where neither is there."""
    if os.environ.get("VAI_DATABASE_URL"):
        return {}
    stack = running(home)
    if stack is None:
        raise StackError(nothing, advice)
    return stack


def python(settings: dict[str, str], module: str, *arguments: str) -> int:
    """Run a module as a process with these settings beside the environment; its exit code."""
    command = (sys.executable, "-m", module, *arguments)
    return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
