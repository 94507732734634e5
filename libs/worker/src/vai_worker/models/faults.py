"""What an error of a model's call means for the run that made it (decision 25)."""

from collections.abc import Iterator, Mapping

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_records.models.choice import ModelChoice
from vai_worker.quota import quota_wait
from vai_worker.retry_after import moment

_LONGEST = 500


def fault_of(error: BaseException, choice: ModelChoice) -> RunError:
    """The run's error. Anything that is none of a provider's is raised again as it is."""
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
    raise error


def cut_off(choice: ModelChoice) -> RunError:
    """A stream that ended without saying why: the connection broke, or something in between has given up."""
    text = f"{choice.name} gave no whole answer: the stream ended before the answer did."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"model": choice.name})


def _is_transport(error: BaseException) -> bool:
    import httpx2

    return isinstance(error, httpx2.TransportError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    found = getattr(error, "status_code", None)
    return found if isinstance(found, int) else None


def _wait(error: BaseException) -> float | None:
    headers = getattr(error, "headers", None)
    if not isinstance(headers, Mapping):
        return None
    spelled = {name.title(): str(value) for name, value in headers.items()}
    return quota_wait(spelled, moment(spelled.get("Date")) or now())


def _said(error: BaseException) -> str:
    """The provider's own words, as one line."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    text = inner.get("message") if isinstance(inner, Mapping) else None
    line = " ".join(str(text or getattr(error, "message", None) or error or type(error).__name__).split())
    return line[:_LONGEST].rstrip(".")
