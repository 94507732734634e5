"""A model that a run may call: chosen, its key decrypted, its connection guarded (rule 25). One call each `say`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_common.queries import Queries
from vai_records.connections.credentials import secret_texts
from vai_records.models import usage
from vai_records.models.choice import ModelChoice, NoModel, choose
from vai_records.models.prices import cost_of
from vai_records.secrets.hiding import Hidden, HiddenStream
from vai_worker import metrics
from vai_worker.children.job import ConnectionSecret
from vai_worker.models.clients import ModelClients, built_once
from vai_worker.models.faults import cut_off, fault_of
from vai_worker.models.tokens import tokens_of
from vai_worker.owned import Owned

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse

LONGEST_SECONDS = 900.0
"""How long one answer may take, however steadily it comes."""


@dataclass(frozen=True)
class Said:
    """One answer. `dollars` is None where nobody knows the model's price."""

    response: "ModelResponse"
    input_tokens: int
    output_tokens: int
    dollars: float | None


@dataclass(frozen=True)
class OpenModel:
    """A model at work for one run."""

    run: Owned
    choice: ModelChoice
    model: "Model[Any]" = field(repr=False)
    hidden: Hidden = field(repr=False)
    connection: ConnectionSecret = field(repr=False)

    async def say(
        self,
        messages: "Sequence[ModelMessage]",
        parameters: "ModelRequestParameters",
        *,
        once: str,
        max_tokens: int | None = None,
        on_text: Callable[[str], object] | None = None,
    ) -> Said:
        """One call. `once` names it for providers that know idempotency keys; `on_text` gets the text as it comes.

        The caller counts what was said (`count`) where it writes it. Raises `RunError`; nothing is tried again here.
        """
        await self._check_budget()
        await self.run.steady()
        began, outcome = steady_seconds(), "failed"
        live = None if on_text is None else _Discreet(on_text, self.hidden)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                response = await self._streamed(messages, parameters, _settings(once, max_tokens), live, began)
            response = _without(self.hidden, response)
            if live is not None:
                live.end()
            outcome = "answered"
        except Exception as error:
            fault = self.hidden.error(fault_of(error, self.choice))
            outcome = fault.code.value.lower()
            await self._tell(fault)
            raise fault from error
        finally:
            metrics.model_calls.labels(provider=self.choice.provider.name, outcome=outcome).inc()
            metrics.model_call_seconds.observe(steady_seconds() - began)
        return self._said(messages, response)

    async def count(self, conn: Queries, said: Said) -> None:
        """Count an answer for the organisation's day."""
        values = (said.input_tokens, said.output_tokens, said.dollars or 0.0)
        await usage.add(conn, self.run.org_id, self.choice.name, *values)

    async def _streamed(
        self,
        messages: "Sequence[ModelMessage]",
        parameters: "ModelRequestParameters",
        settings: Any,
        on_text: Callable[[str], object] | None,
        began: float,
    ) -> "ModelResponse":
        from pydantic_ai.direct import model_request, model_request_stream

        if self.choice.config.get("stream") is False:
            return await model_request(
                self.model, messages, model_settings=settings, model_request_parameters=parameters
            )
        async with model_request_stream(
            self.model, messages, model_settings=settings, model_request_parameters=parameters
        ) as stream:
            await _follow(stream, on_text, began)
            response = stream.get()
        if response.finish_reason is None:
            raise cut_off(self.choice)
        return response

    async def _check_budget(self) -> None:
        left = await usage.left_today(self.run.pool, self.run.org_id, self.choice.settings)
        if left.nothing:
            text = f"T{usage.all_used(left)[1:]}."
            raise Permanent(ErrorCode.RATE_LIMITED, text, {"tokens_left": left.tokens, "money_left": left.money})

    async def _tell(self, fault: RunError) -> None:
        """A key that is refused is told at its connection (decision 30)."""
        if fault.code is ErrorCode.AUTH_ERROR:
            await self.run.connection_failed(fault.as_json(), of=self.choice.connection_id)

    def _said(self, messages: "Sequence[ModelMessage]", response: "ModelResponse") -> Said:
        used, provider = tokens_of(messages, response), self.choice.provider.name
        cost = cost_of(self.choice, used.input, used.output, used.cache_read, used.cache_write)
        metrics.model_tokens.labels(provider=provider, direction="in").inc(used.input)
        metrics.model_tokens.labels(provider=provider, direction="out").inc(used.output)
        metrics.model_dollars.labels(provider=provider).inc(cost or 0.0)
        return Said(response, used.input, used.output, cost)


@asynccontextmanager
async def opened(run: Owned, wanted: str | None, clients: ModelClients | None = None) -> AsyncIterator[OpenModel]:
    """The model that is `wanted` (connection/model; None: the organisation's default). Raises DATA_ERROR if none is.

    Who is looked up is what the organisation says now; `clients` keep the way there for the next question.
    """
    try:
        choice = await choose(run.pool, run.org_id, wanted)
    except NoModel as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"{str(error)[0].upper()}{str(error)[1:]}.", {"model": wanted}) from None
    connection = await run.connection_of(choice.connection_id)
    lent = built_once if clients is None else clients.lent
    async with lent(run, choice, connection) as model:
        yield OpenModel(run, choice, model, Hidden(secret_texts(connection.credentials)), connection)


class _Discreet:
    """Hands on what a model says without the connection's secrets: a gateway in between may quote what it was sent."""

    def __init__(self, on_text: Callable[[str], object], hidden: Hidden) -> None:
        self._on_text, self._stream = on_text, HiddenStream(hidden)

    def __call__(self, text: str) -> None:
        self._hand_on(self._stream.add(text))

    def end(self) -> None:
        self._hand_on(self._stream.end())

    def _hand_on(self, text: str) -> None:
        if text:
            self._on_text(text)


def _without(hidden: Hidden, response: "ModelResponse") -> "ModelResponse":
    """The answer without the connection's secrets."""
    from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse

    (told,) = ModelMessagesTypeAdapter.dump_python([response], mode="json")
    if hidden.is_absent_from(orjson.dumps(told["parts"])):
        return response
    (found,) = ModelMessagesTypeAdapter.validate_python([told | {"parts": hidden.out_of(told["parts"])}])
    assert isinstance(found, ModelResponse)
    return replace(response, parts=found.parts)


async def _follow(stream: "StreamedResponse", on_text: Callable[[str], object] | None, began: float) -> None:
    from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

    is_first = True
    async for event in stream:
        if is_first:
            metrics.model_first_text_seconds.observe(steady_seconds() - began)
            is_first = False
        if on_text is None:
            continue
        if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart) and event.part.content:
            on_text(event.part.content)
        elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
            on_text(event.delta.content_delta)


def _settings(once: str, max_tokens: int | None) -> Any:
    from pydantic_ai.settings import ModelSettings

    settings = ModelSettings(extra_headers={"Idempotency-Key": once})
    if max_tokens is not None:
        settings["max_tokens"] = max_tokens
    return settings
