"""Two small requests to a provider of models: its list of models, and one token as a test. Workers make all other
calls.

The gateway sends them itself: a provider's library costs more memory than the gateway has.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from vai_common.egress.addresses import Policy
from vai_common.egress.httpx2_guard import guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.connections.credentials import secret_texts
from vai_records.models.providers import CHAT, MESSAGES, Provider, address_of, key_of, protocol_of
from vai_records.secrets.hiding import Hidden, shortened

SECONDS = 10.0
"""The time limit in seconds for a whole request, even if its answer comes steadily."""

_LARGEST = 2 << 20
_MOST_NAMES = 1_000
_LONGEST_NAME = 300
_FEWEST_TOKENS = 16
"""What OpenAI's responses take at least."""

Json = dict[str, Any]


@dataclass(frozen=True)
class ModelApi:
    """A connection of a provider of models, with its credentials opened. All methods raise `RunError`."""

    provider: Provider
    config: Mapping[str, Any]
    credentials: Mapping[str, Any]
    policy: Policy

    async def names(self) -> list[str]:
        """The models that the provider has, by its own names, at most 1,000."""
        answer = await self._ask("GET", "/models", None)
        found = answer.get("data")
        if not isinstance(found, list):
            raise Permanent(ErrorCode.DATA_ERROR, f"{self._host} answers no list of models; give config.models")
        named = [one["id"] for one in found if isinstance(one, Mapping) and isinstance(one.get("id"), str)]
        return [name.removeprefix("models/") for name in named if 0 < len(name) <= _LONGEST_NAME][:_MOST_NAMES]

    async def try_out(self, model: str | None) -> tuple[str, bool]:
        """Ask a model for one token; without a model, ask which there are.

        Answers what was found, and whether the key is good.
        """
        has_key = bool(key_of(self.credentials))
        if model is None:
            names = await self.names()
            found = f"{self._host} has {len(names):,} models and took the key"
            return f"{found}; set config.test_model to try one of them", has_key
        await self._ask("POST", *self._one_token(model))
        return f"{self._host} answered, as {model}", has_key

    def _one_token(self, model: str) -> tuple[str, Json]:
        said = [{"role": "user", "content": "Say yes."}]
        protocol = protocol_of(self.provider, self.config)
        if protocol == MESSAGES:
            return "/messages", {"model": model, "max_tokens": 1, "messages": said}
        if protocol == CHAT:
            limit = "max_completion_tokens" if self.provider.name == "openai" else "max_tokens"
            return "/chat/completions", {"model": model, limit: 1, "messages": said}
        return "/responses", {"model": model, "max_output_tokens": _FEWEST_TOKENS, "input": "Say yes.", "store": False}

    async def _ask(self, method: str, path: str, body: Json | None) -> Json:
        hidden = Hidden(secret_texts(self.credentials))
        try:
            status, answer = await self._answered(method, path, body)
        except (httpx2.InvalidURL, httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
            raise Permanent(ErrorCode.DATA_ERROR, f"{self._host} cannot be asked: {error}") from error
        except (httpx2.TransportError, httpx2.DecodingError, TimeoutError) as error:
            message = f"{self._host} does not answer ({type(error).__name__}); check the address, or try again later"
            raise Retryable(ErrorCode.CONNECTION_ERROR, message) from error
        if status >= 300:
            raise hidden.error(_refusal(self._host, status, answer))
        if not isinstance(answer, dict):
            raise Permanent(ErrorCode.DATA_ERROR, f"{self._host} answers no JSON at {path}: check the base_url")
        return answer

    async def _answered(self, method: str, path: str, body: Json | None) -> tuple[int, Any]:
        url = address_of(self.provider, self.config) + path
        async with (
            asyncio.timeout(SECONDS),
            guarded_client(self.policy, SECONDS, SECONDS, 2 * _LARGEST) as client,
            client.stream(method, url, headers=self._headers(), json=body) as answer,
        ):
            raw = bytearray()
            async for piece in answer.aiter_bytes():
                raw += piece
                if len(raw) > _LARGEST:
                    break
            try:
                return answer.status_code, orjson.loads(raw)
            except orjson.JSONDecodeError:
                return answer.status_code, None

    def _headers(self) -> dict[str, str]:
        headers = {**(self.config.get("headers") or {}), **(self.credentials.get("headers") or {})}
        key = key_of(self.credentials)
        if protocol_of(self.provider, self.config) == MESSAGES:
            headers["anthropic-version"] = "2023-06-01"
            return headers | ({"x-api-key": key} if key else {})
        return headers | ({"authorization": f"Bearer {key}"} if key else {})

    @property
    def _host(self) -> str:
        try:
            return httpx2.URL(address_of(self.provider, self.config)).host
        except httpx2.InvalidURL:
            return self.provider.name


def _refusal(host: str, status: int, answer: Any) -> RunError:
    inner = answer.get("error") if isinstance(answer, Mapping) else None
    said = inner.get("message") if isinstance(inner, Mapping) else None
    words = f": {shortened(' '.join(str(said).split()).rstrip('.'), 300)}" if said else ""
    details = {"host": host, "statusCode": status}
    if status in (401, 403):
        return Permanent(ErrorCode.AUTH_ERROR, f"{host} refuses the key ({status}){words}; correct it", details)
    if status == 429:
        return Retryable(ErrorCode.RATE_LIMITED, f"{host} answers too many requests{words}; try again later", details)
    if status >= 500:
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{host} answered {status}{words}; try again later", details)
    if status == 404:
        text = f"{host} answered 404{words}; check the base_url and the name of the model"
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    return Permanent(ErrorCode.DATA_ERROR, f"{host} answered {status}{words}", details)
