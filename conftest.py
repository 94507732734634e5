"""Settings of all tests. Property tests use the same examples in each `make test`, and new ones in `make fuzz`."""

import gc
import os
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# No deadline: on a busy machine the time of an example means nothing.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("same", _PATIENT, max_examples=50, derandomize=True, database=None)
settings.register_profile("new", _PATIENT, max_examples=400, print_blob=True)
settings.load_profile("new" if os.environ.get("VAI_FUZZ") else "same")


# Every new HTTP client reads all certificate authorities of the system, which takes 40 ms. No test needs them.
os.environ.setdefault("SSL_CERT_DIR", os.devnull)

# The tests' Postgres has no TLS. Asking for it would cost each connection 2 ms.
os.environ.setdefault("PGSSLMODE", "disable")

# Tests cause failures on purpose. A coloured traceback with all variables would take up to two seconds each.
_plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])


_ON_A_STACK = "tests/integration/"
"""These tests share a whole stack, and so a process that runs them."""

_CHAOS = "tests/integration/chaos/"
"""These break parts of a stack and wait until they are mended, so they have a stack and a process of their own."""

_OF_THE_CODE = "tests/architecture/"
"""Each module is parsed once."""

_LONGEST_FIRST = (
    _ON_A_STACK,
    _OF_THE_CODE,
    "libs/devstack/",
    "tests/demo/",
    "libs/worker/",
    "services/",
    "libs/client/",
)
"""Long tests begin early, so that the processes can share the short ones at the end."""


def _run_by(file: str) -> str:
    """The group of tests that one process runs: a file, all files that share a stack, or all tests that read the whole
    code.
    """
    return next((group for group in (_CHAOS, _ON_A_STACK, _OF_THE_CODE) if file.startswith(group)), file)


def _place(item: pytest.Item) -> tuple[int, str, str]:
    first = next((n for n, name in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(name)), len(_LONGEST_FIRST))
    file = item.nodeid.partition("::")[0]
    return first, _run_by(file), file


def pytest_configure(config: pytest.Config) -> None:
    """Each process begins to collect the tests in another folder, so that it finds files that others have already
    compiled.

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
    """The collected tests stay until the end, so the garbage collector need not look through them again."""
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
