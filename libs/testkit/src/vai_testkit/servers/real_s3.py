"""A real server that speaks S3's protocol, for tests: that of the embedded stack. It starts within about a second."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from vai_devstack.home import Home, load_secrets
from vai_devstack.servers.ports import PortBook, random_base
from vai_devstack.servers.s3 import S3Server


@contextmanager
def serving() -> Iterator[S3Server]:
    """A server with an empty bucket, erased at the end. `keys` are the AWS_… that use it."""
    with tempfile.TemporaryDirectory(prefix="vai-s3-") as folder:
        home = Home.of(folder)
        home.make()
        ports = PortBook(home.ports)
        server = S3Server(home, ports, random_base(), load_secrets(home))
        try:
            asyncio.run(server.start())
            yield server
        finally:
            asyncio.run(server.kill())
            ports.close()
