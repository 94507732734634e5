"""What breaks brokers here: aiokafka leaves a connection open that is being made when its client is closed, and
FastStream a client that could not start."""

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

_LEFT = "ignore:Exception ignored in. .*AIOKafka:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The garbage collector may find such a client while a test runs."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(_LEFT))


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Such a connection is found by the garbage collector, later, in whatever test runs then: it is found here.

    What was there before the test is not looked through: that would take seconds after thousands of tests.
    """
    gc.freeze()
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ResourceWarning)
        gc.collect()
