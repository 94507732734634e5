"""Where OpenLineage events go: an HTTP address, or a topic of the platform's own broker.

The address is the installation's, not an organisation's: it may be private. Metadata services stay refused (rule 25).
"""

import asyncio
from typing import Protocol

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from vai_common.clock import now
from vai_common.egress.addresses import EgressRefused, Policy, UnknownHost
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.loops import within
from vai_common.messages.brokers import Brokers
from vai_common.messages.kafka import started
from vai_worker.retry_after import seconds_to_wait

SECONDS = 10.0
"""For one event, from the connection to the answer."""

_INSTALLATION = Policy.parse("loopback,private")
_LONGEST_ANSWER = 200
_REFUSED = frozenset((400, 413, 415, 422))


class Away(Exception):
    """The receiver does not take anything now. `wait`: seconds that it asks for."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Refused(Exception):
    """The receiver does not take this event, and would not take it later."""


class Receiver(Protocol):
    async def send(self, key: bytes, event: bytes) -> None:
        """Raises `Away` or `Refused`."""

    async def close(self) -> None: ...


class HttpReceiver:
    """Posts each event to `url`; `api_key` is sent as a bearer token."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._headers = {"content-type": "application/json", "user-agent": "vai-openlineage"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"

    async def send(self, key: bytes, event: bytes) -> None:
        try:
            async with (
                asyncio.timeout(SECONDS),
                guarded_client(_INSTALLATION, SECONDS, SECONDS) as client,
                client.stream("POST", self._url, content=event, headers=self._headers) as answer,
            ):
                _judge(answer, b"" if answer.is_success else await _start_of(answer))
        except TimeoutError:
            raise Away(f"it took longer than {SECONDS:g} s") from None
        except (EgressRefused, UnknownHost) as error:
            raise Away(error.message) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Away(f"it does not answer ({type(error).__name__})") from error

    async def close(self) -> None:
        return None


async def _start_of(answer: httpx2.Response) -> bytes:
    async for piece in answer.aiter_raw(_LONGEST_ANSWER):
        return piece[:_LONGEST_ANSWER]
    return b""


def _judge(answer: httpx2.Response, said: bytes) -> None:
    if answer.is_success:
        return
    text = " ".join("".join(one if one.isprintable() else " " for one in said.decode("utf-8", "replace")).split())
    message = f"it answered {answer.status_code}" + (f": {text}" if text else "")
    if answer.status_code in _REFUSED:
        raise Refused(message)
    raise Away(message, seconds_to_wait(answer.headers.get("retry-after"), now()))


class KafkaReceiver:
    """Writes each event to a topic that is there already; it is yours to make."""

    def __init__(self, brokers: str | Brokers, topic: str, client_id: str) -> None:
        self._brokers = Brokers.of(brokers)
        self._topic = topic
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None

    async def send(self, key: bytes, event: bytes) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                producer = await self._connected()
                await producer.send_and_wait(self._topic, event, key=key)
        except MessageSizeTooLargeError as error:
            raise Refused(f"the topic takes no message of {len(event):,} bytes") from error
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise Away(f"the topic {self._topic} cannot be written to ({type(error).__name__})") from error

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = await started(self._brokers, self._client_id)
        return self._producer

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await within(3, producer.stop(), "the producer of OpenLineage events")
