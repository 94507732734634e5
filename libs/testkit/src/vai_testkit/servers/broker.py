"""A broker for tests that need no more of a stack: the embedded one, or what VAI_TEST_KAFKA names.

In a conftest: `from vai_testkit.servers.broker import broker, forgiving  # noqa: F401`.
"""

import asyncio
import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator

import pytest

from vai_devstack.config import Config, broker_of
from vai_devstack.home import Home
from vai_devstack.servers.broker import Broker
from vai_devstack.servers.ports import PortBook, random_base
from vai_testkit.stack import KAFKA_VARIABLE

NOWHERE = "127.0.0.1:1"
"""An address at which no broker answers."""


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A running broker; a test that ends it starts it again."""
    home = Home.of(tempfile.mkdtemp(prefix="vai-broker-"))
    home.make()
    ports = PortBook(home.ports)
    config = Config(home, kafka=os.environ.get(KAFKA_VARIABLE) or "embedded", port_base=random_base())
    found = broker_of(config, ports)
    try:
        asyncio.run(found.start())
        yield found
    finally:
        asyncio.run(found.stop())
        ports.close()
        shutil.rmtree(home.root, ignore_errors=True)


@pytest.fixture(scope="module")
def forgiving() -> Iterator[None]:
    """For tests that end a broker under its clients: aiokafka then leaves a socket to the garbage collector.

    It is collected when the module is over, and with it the event loop that holds the socket.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
