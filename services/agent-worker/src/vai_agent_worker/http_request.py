"""The kind http_request: one call of an HTTP API, guarded, bounded, and safe to lose (decisions 24, 25 and 35)."""

import asyncio
from functools import partial
from typing import Any

import httpx2

from vai_agent_worker.metrics import outbound_call_seconds, outbound_calls
from vai_agent_worker.parsing import Parsing
from vai_agent_worker.request import Outgoing, compose
from vai_agent_worker.response import Answer, read
from vai_agent_worker.transport import FAILURES, unanswered
from vai_common.clock import steady_seconds
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.egress.httpx2_guard import READ_TIMEOUT, guarded_client
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.connections.credentials import secret_texts, sent_secrets
from vai_records.definitions.http_request import LONGEST_SECONDS
from vai_records.definitions.http_request import HttpRequest as Definition
from vai_records.secrets.hiding import Hidden
from vai_records.validation.masking import secret_texts_of
from vai_worker.children.job import ConnectionSecret
from vai_worker.owned import Owned


class HttpRequest:
    """Sends the request; the result is the response.

    `policy` says which addresses may be reached. `read_timeout` (seconds) bounds each silence of the server.
    """

    name = "http_request"
    reads = Definition

    def __init__(self, policy: Policy = PUBLIC, read_timeout: float = READ_TIMEOUT) -> None:
        self._policy = policy
        self._read_timeout = read_timeout
        self._parsing = Parsing()

    async def perform(self, run: Owned) -> dict[str, Any]:
        definition = run.definition_as(Definition)
        connection = await run.connection()
        answer, hidden = await self._answered(run, definition, connection)
        if connection is not None and connection.renew_at and _is_refused(answer, definition):
            # An access token may expire early. A request refused for that was not carried out, so it is repeated.
            connection = await run.connection(rejected=connection.credentials["access_token"])
            answer, hidden = await self._answered(run, definition, connection)
        if not definition.expects(answer.status):
            raise answer.failure(hidden, _caution(definition))
        return await self._parsing.result(run.org_id, answer, hidden)

    async def _answered(
        self, run: Owned, definition: Definition, connection: ConnectionSecret | None
    ) -> tuple[Answer, Hidden]:
        """The answer, whatever its status, and the values that must be hidden in it. Raises `RunError`."""
        outgoing, hidden = await run.judged(partial(_composed, definition, connection, run))
        if outgoing.withheld:
            await run.log("credentials_withheld", f"Credentials are not sent: {outgoing.withheld}", level="warning")
        trail = [outgoing]
        await run.steady()
        began = steady_seconds()
        outcome = "failed"
        try:
            async with (
                asyncio.timeout(definition.timeout_seconds or LONGEST_SECONDS),
                guarded_client(self._policy, read_timeout=self._read_timeout) as client,
            ):
                answer = await _sent(client, run, definition, trail)
                outcome = f"{answer.status // 100}xx"
                return answer, hidden
        except FAILURES as error:
            seconds = definition.timeout_seconds or LONGEST_SECONDS
            failure = unanswered(error, trail, hidden, seconds=seconds, caution=_caution(definition))
            raise hidden.error(failure) from error
        except Retryable as error:
            if definition.repeatable or len(trail) == 1:
                raise hidden.error(error) from error.__cause__
            text = hidden.text(f"{error.message}{_caution(definition)}")
            raise Permanent(error.code, text, hidden.out_of(error.details)) from error
        except RunError as error:
            raise hidden.error(error) from error.__cause__
        finally:
            outbound_calls.labels(outcome=outcome).inc()
            outbound_call_seconds.observe(steady_seconds() - began)


async def _sent(client: httpx2.AsyncClient, run: Owned, definition: Definition, trail: list[Outgoing]) -> Answer:
    """The answer, after redirects. `trail` ends with the present request."""
    for _ in range(definition.max_redirects + 1):
        onward = await _exchange(client, definition, trail[-1])
        if isinstance(onward, Answer):
            return onward
        trail.append(onward)
        await run.steady()
    raise Permanent(
        ErrorCode.CONNECTION_ERROR,
        f"More than {definition.max_redirects} redirects: use the final address, or raise max_redirects.",
        {"max_redirects": definition.max_redirects},
    )


async def _exchange(client: httpx2.AsyncClient, definition: Definition, outgoing: Outgoing) -> Answer | Outgoing:
    loop = asyncio.get_running_loop()
    started = loop.time()
    response = await client.send(outgoing.build(client), stream=True, follow_redirects=False)
    try:
        if _is_followed(definition, response) and (onward := outgoing.after(response)):
            return onward
        raw, truncated = await read(response, definition.max_response_bytes)
    finally:
        await response.aclose()
    return Answer(
        method=outgoing.method,
        url=outgoing.shown_url(),
        status=response.status_code,
        headers=response.headers,
        charset=response.charset_encoding,
        raw=raw,
        truncated=truncated,
        seconds=loop.time() - started,
        withheld=outgoing.withheld,
    )


def _is_refused(answer: Answer, definition: Definition) -> bool:
    return answer.status == 401 and not answer.withheld and not definition.expects(401)


def _is_followed(definition: Definition, response: httpx2.Response) -> bool:
    return definition.follow_redirects and not definition.expects(response.status_code)


def _composed(definition: Definition, connection: ConnectionSecret | None, run: Owned) -> tuple[Outgoing, Hidden]:
    """The first request, and the values that must be hidden: of the definition, of the connection, and of its
    headers.
    """
    told = definition.stored()
    try:
        outgoing = compose(definition, told, connection, str(run.id), run.traceparent)
    except httpx2.InvalidURL as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"The url cannot be used: {error}.", {"field": "url"}) from None
    secrets, marked = secret_texts_of(told)
    own = sent_secrets(outgoing.own)
    credentials = secret_texts(connection.credentials) if connection else ()
    return outgoing, Hidden([*secrets, *own, *credentials], [*marked, *run.named_secrets])


def _caution(definition: Definition) -> str:
    """A sentence for errors after which it is not known whether the request was carried out (decision 24)."""
    if definition.repeatable:
        return ""
    return (
        f" It is not known whether the {definition.method} was carried out, so it is not repeated: look there first, "
        'or set "idempotent": true if it may be sent twice.'
    )
