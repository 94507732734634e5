"""What breaks brokers here: aiokafka leaves a connection open that is being made when its client is closed."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Such a connection is found by the garbage collector, later, in whatever test runs then: it is found here."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ResourceWarning)
        gc.collect()
