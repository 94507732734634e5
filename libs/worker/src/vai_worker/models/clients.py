"""pydantic-ai's models over our guarded client (rule 25), and those that are kept for the next question.

A model that is built anew for each answer costs a name look-up, a connection and a TLS handshake each time: on the way
to a provider that is more than all else that the platform does for a step.
"""

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from vai_common.egress.httpx2_guard import guarded_client
from vai_records.models.choice import ModelChoice
from vai_records.models.providers import CHAT, MESSAGES, address_of, key_of, protocol_of
from vai_worker.children.job import ConnectionSecret
from vai_worker.owned import Owned

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from pydantic_ai.models import Model

SILENCE_SECONDS = 120.0
"""How long a model may say nothing at all before the call counts as broken."""

LARGEST_ANSWER = 16 << 20
"""Bytes of an answer with everything around it: more than any model says, and what a worker can hold."""

MOST_KEPT: Final = 16
"""Models that are kept while nobody asks them."""

_KEYLESS = "none"


@dataclass
class _Kept:
    model: "Model[Any]"
    client: "httpx2.AsyncClient"
    users: int = 0


@dataclass
class ModelClients:
    """The models of one worker with their open connections, one for each connection of an organisation as it is now.

    They keep no cookies, so runs share nothing but a way to the same provider with the same key. What a changed
    connection (its key, its address) has left behind is closed when others need its place.
    """

    _kept: OrderedDict[bytes, _Kept] = field(default_factory=OrderedDict)

    @asynccontextmanager
    async def lent(self, run: Owned, choice: ModelChoice, connection: ConnectionSecret) -> "AsyncIterator[Model[Any]]":
        """The model of a choice; it is built if it is not kept."""
        name = _name(run, choice, connection)
        kept = self._kept.get(name)
        if kept is None:
            client = guarded_client(
                run.addresses, read_timeout=SILENCE_SECONDS, most_bytes=LARGEST_ANSWER, is_shared=True
            )
            kept = self._kept[name] = _Kept(built(choice, connection, client), client)
        self._kept.move_to_end(name)
        kept.users += 1
        try:
            yield kept.model
        finally:
            kept.users -= 1
            await self._close_the_oldest()

    async def close(self) -> None:
        """Close all connections, when nobody asks any more."""
        while self._kept:
            await self._kept.popitem()[1].client.aclose()

    async def _close_the_oldest(self) -> None:
        for name in [name for name, kept in self._kept.items() if not kept.users][: -MOST_KEPT or None]:
            await self._kept.pop(name).client.aclose()


@asynccontextmanager
async def built_once(run: Owned, choice: ModelChoice, connection: ConnectionSecret) -> "AsyncIterator[Model[Any]]":
    """A model for the questions of one run, with a client of its own."""
    async with guarded_client(run.addresses, read_timeout=SILENCE_SECONDS, most_bytes=LARGEST_ANSWER) as client:
        yield built(choice, connection, client)


def _name(run: Owned, choice: ModelChoice, connection: ConnectionSecret) -> bytes:
    """What a kept model is found by: everything that it is built from. Of credentials only a digest is kept here."""
    parts = [str(run.org_id), str(choice.connection_id), choice.provider.name, choice.model, choice.config]
    told = orjson.dumps([*parts, connection.credentials, str(run.addresses)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(told).digest()


def built(choice: ModelChoice, connection: ConnectionSecret, client: "httpx2.AsyncClient") -> "Model[Any]":
    """pydantic-ai's model over our client. It never tries again by itself: a run does that, and says so."""
    key = key_of(connection.credentials) or _KEYLESS
    headers = {**(choice.config.get("headers") or {}), **(connection.credentials.get("headers") or {})}
    address, protocol = address_of(choice.provider, choice.config), protocol_of(choice.provider, choice.config)
    if protocol == MESSAGES:
        return _anthropic(choice.model, key, address.removesuffix("/v1"), headers, client)
    return _openai(choice, protocol, key, address, headers, client)


def _anthropic(
    model: str, key: str, address: str, headers: dict[str, str], client: "httpx2.AsyncClient"
) -> "Model[Any]":
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    sdk = AsyncAnthropic(api_key=key, base_url=address, http_client=client, max_retries=0, default_headers=headers)
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=sdk))


def _openai(
    choice: ModelChoice, protocol: str, key: str, address: str, headers: dict[str, str], client: "httpx2.AsyncClient"
) -> "Model[Any]":
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    sdk = AsyncOpenAI(api_key=key, base_url=address, http_client=client, max_retries=0, default_headers=headers)
    if choice.provider.name == "openai":
        provider: Any = OpenAIProvider(openai_client=sdk)
    else:
        provider = OpenAICompatibleProvider(choice.provider.name, openai_client=sdk)
    if protocol == CHAT:
        sdk.chat.completions.create = _Asking(sdk).create  # type: ignore[assignment, method-assign]
        return OpenAIChatModel(choice.model, provider=provider)
    return OpenAIResponsesModel(choice.model, provider=provider)


class _Asking:
    """Sends a conversation as it is.

    The SDK's `create` looks at each message of the conversation by the types of all kinds of messages, to rename
    fields that could have another name in Python. None has: pydantic-ai gives them as they are sent. For a
    conversation of 30 steps that took longer than all else (`python -m bench agents`).
    """

    def __init__(self, sdk: "AsyncOpenAI") -> None:
        self._sdk = sdk

    async def create(
        self,
        *,
        extra_headers: Any = None,
        extra_query: Any = None,
        extra_body: Any = None,
        timeout: Any = None,
        stream: bool = False,
        **said: Any,
    ) -> Any:
        """`AsyncCompletions.create`, by the SDK's public way to any address."""
        from openai import AsyncStream, NotGiven, Omit
        from openai.types import chat

        body = {name: value for name, value in said.items() if not isinstance(value, NotGiven | Omit)}
        options: Any = {"headers": extra_headers or {}, "params": extra_query or {}, "extra_json": extra_body or {}}
        if timeout is not None and not isinstance(timeout, NotGiven):
            options["timeout"] = timeout
        return await self._sdk.post(
            "/chat/completions",
            cast_to=chat.ChatCompletion,
            body={**body, "stream": stream},
            options=options,
            stream=stream,
            stream_cls=AsyncStream[chat.ChatCompletionChunk],
        )
