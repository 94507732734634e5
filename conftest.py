"""How property tests search: `make test` looks at the same examples each time, `make fuzz` at new ones."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a busy machine.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("same", _PATIENT, derandomize=True, database=None)
settings.register_profile("new", _PATIENT, max_examples=400, print_blob=True)
settings.load_profile("new" if os.environ.get("VAI_FUZZ") else "same")


_ON_ONE_STACK = "tests/integration/"
"""These tests share a whole stack: one process runs them all, and begins with them, since they take the longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m property` selects the tests that make up their inputs themselves; a file is run by one process."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")
        file = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group("stack" if file.startswith(_ON_ONE_STACK) else file))
    items.sort(key=lambda item: not item.nodeid.startswith(_ON_ONE_STACK))
