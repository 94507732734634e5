"""Turns errors of a model's call into errors of the run (decision 25)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.models.choice import ModelChoice
from vai_records.secrets.hiding import shortened
from vai_worker.quota import quota_wait
from vai_worker.retry_after import moment

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

_LONGEST = 500
_LATER = (408, 409, 425)
"""The server waited too long for the request, is still at work on it, or does not want it so early."""

_UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""Exceptions that the libraries raise, besides their own, for an answer with an unknown shape."""


def fault_of(error: BaseException, choice: ModelChoice) -> RunError:
    """The run's error. An exception that does not come from a provider is raised again unchanged."""
    from pydantic_ai import exceptions as of

    if (own := next((one for one in _chain(error) if isinstance(one, RunError)), None)) is not None:
        return own
    slug = choice.name.partition("/")[0]
    details = {"model": choice.name, "connection": slug}
    if isinstance(error, of.ModelHTTPError):
        details["statusCode"] = str(error.status_code)
    said = _said(error)
    if isinstance(error, of.ModelAuthenticationError) or _status(error) in (401, 403):
        text = f"The provider refuses the key of the connection {slug}: {said}. Correct its credentials."
        return Permanent(ErrorCode.AUTH_ERROR, text, details)
    if isinstance(error, of.ModelQuotaExceededError):
        text = f"The account behind the connection {slug} may not use more: {said}. Raise its quota or its credit."
        return Permanent(ErrorCode.RATE_LIMITED, text, details)
    if isinstance(error, of.ModelRateLimitError) or _status(error) == 429:
        text = f"{choice.name}: too many requests: {said}."
        return Retryable(ErrorCode.RATE_LIMITED, text, details, _wait(error))
    status = _status(error) or 200
    if 300 <= status < 400:
        text = (
            f"{choice.name} answers with a redirect ({status}): put the final address into config.base_url of {slug}."
        )
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    if status in _LATER:
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{choice.name} cannot answer now: {said}.", details, _wait(error))
    if isinstance(error, of.ModelNotFoundError):
        text = f"The provider has no model {choice.model!r}: {said}. `vai models` lists those that it has."
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    if isinstance(error, of.ModelContextWindowExceededError):
        text = f"The conversation is longer than {choice.name} can read: {said}. Ask for less, or take another model."
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    if isinstance(error, of.ModelRequestRejectedError | of.ContentFilterError):
        return Permanent(ErrorCode.DATA_ERROR, f"{choice.name} refuses the request: {said}.", details)
    if isinstance(error, of.ModelAPIError | of.UnexpectedModelBehavior | TimeoutError) or _is_transport(error):
        text = f"{choice.name} gave no whole answer: {said}."
        return Retryable(ErrorCode.CONNECTION_ERROR, text, details, _wait(error))
    if isinstance(error, _UNREADABLE):
        text = f"{choice.name} answered what cannot be read ({type(error).__name__}: {said})."
        return Retryable(ErrorCode.CONNECTION_ERROR, text, details)
    raise error


def fault_of_answer(response: "ModelResponse", choice: ModelChoice) -> RunError | None:
    """Errors of an answer that came. An incomplete answer is never taken for a complete one (rule 26)."""
    details = {"model": choice.name, "finish_reason": response.finish_reason}
    if response.finish_reason == "content_filter":
        text = f"The provider's filter of contents has stopped the answer of {choice.name}: ask in another way."
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    if response.finish_reason == "length":
        text = f"The answer of {choice.name} is longer than it may be, and was cut off: ask for less."
        return Permanent(ErrorCode.DATA_ERROR, text, details)
    if not (response.text or response.tool_calls):
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{choice.name} gave an empty answer.", details)
    return None


def cut_off(choice: ModelChoice) -> RunError:
    """A stream that ended without saying why: the connection broke, or something in between has given up."""
    text = f"{choice.name} gave no whole answer: the stream ended before the answer did."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"model": choice.name})


def _is_transport(error: BaseException) -> bool:
    import httpx2

    return isinstance(error, httpx2.TransportError)


def _broken(error: BaseException) -> str | None:
    """The libraries call each of these a connection error."""
    import httpx2

    found = next((one for one in _chain(error) if isinstance(one, httpx2.RequestError)), None)
    return None if found is None else str(found) or type(found).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    found = (getattr(one, "status_code", None) for one in _chain(error))
    return next((status for status in found if isinstance(status, int)), None)


def _wait(error: BaseException) -> float | None:
    headers = getattr(error, "headers", None)
    if not isinstance(headers, Mapping):
        return None
    spelled = {name.title(): str(value) for name, value in headers.items()}
    return quota_wait(spelled, moment(spelled.get("Date")) or now())


def _said(error: BaseException) -> str:
    """The provider's own words, or what became of the connection, as one line."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    text = inner.get("message") if isinstance(inner, Mapping) else None
    text = text or _broken(error) or getattr(error, "message", None) or error or type(error).__name__
    line = " ".join(str(text).split())
    return shortened(line.rstrip("."), _LONGEST)
