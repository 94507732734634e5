"""How property tests search: `make test` looks at the same examples each time, `make fuzz` at new ones."""

import gc
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says nothing on a busy machine.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("same", _PATIENT, max_examples=50, derandomize=True, database=None)
settings.register_profile("new", _PATIENT, max_examples=400, print_blob=True)
settings.load_profile("new" if os.environ.get("VAI_FUZZ") else "same")


# Every new client of HTTP reads all authorities that the system trusts, for 40 ms; no test meets one of them.
os.environ.setdefault("SSL_CERT_DIR", os.devnull)

# Their Postgres speaks no TLS: a connection that only looks whether it does pays 2 ms for it.
os.environ.setdefault("PGSSLMODE", "disable")

# Tests make things fail on purpose: to colour the traceback of each, with all variables, takes up to two seconds.
_plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])


_ON_A_STACK = "tests/integration/"
"""These tests share two whole stacks, each with a process that runs its tests: one for the files whose tests break
parts of it and mostly wait until they are mended (`mended`), and one for all others."""

_OF_THE_CODE = "tests/architecture/"
"""Each module is read as code once, and kept."""

_LONGEST_FIRST = (
    _ON_A_STACK,
    _OF_THE_CODE,
    "libs/devstack/",
    "tests/demo/",
    "libs/worker/",
    "services/",
    "libs/client/",
)
"""What takes long begins early: at the end the processes share what is short."""


@cache
def _run_by(file: str) -> str:
    """What one process runs as a whole: a file, all files of one stack, or all that read the whole code."""
    if file.startswith(_OF_THE_CODE):
        return _OF_THE_CODE
    if not file.startswith(_ON_A_STACK):
        return file
    return _ON_A_STACK + (" broken" if "mended" in (Path(__file__).parent / file).read_text() else " whole")


def _place(item: pytest.Item) -> tuple[int, str, str]:
    first = next((n for n, name in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(name)), len(_LONGEST_FIRST))
    file = item.nodeid.partition("::")[0]
    return first, _run_by(file), file


def pytest_configure(config: pytest.Config) -> None:
    """Each process begins to read the tests at another folder: what one has compiled the others find.

    In a new clone, where nothing is compiled, that halves the time until the first test. In which order tests run
    `_place` says.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and config.args == config.getini("testpaths"):
        folders = [
            str(folder.relative_to(config.rootpath))
            for path in config.args
            for folder in sorted((config.rootpath / path).glob("*/tests")) or [config.rootpath / path]
        ]
        begin = len(folders) * int(worker.removeprefix("gw")) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        config.args = folders[begin:] + folders[:begin]


def pytest_collection() -> None:
    """What is read now is there until the end: to look through it for garbage again and again is in vain."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m property` selects the tests that make up their inputs themselves."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")
    items.sort(key=_place)


class _Files(LoadScopeScheduling):
    """A file is run by one process, and so are all that share a stack; each upgrade has servers of its own.

    xdist's own groups are not heard: pytest 9.2 makes a test's id anew where xdist 3.8 has written the group into it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.startswith("tests/upgrade/") else _run_by(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Files:
    """How tests are given to the processes of `make test`."""
    return _Files(config, log)
