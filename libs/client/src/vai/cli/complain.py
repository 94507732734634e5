"""The texts for commands that failed: what went wrong and what to do about it."""

from vai.errors import (
    ApiError,
    Forbidden,
    Invalid,
    NotFound,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    VaiError,
)

from .settings import Settings

FIRST_LINES: dict[type[ApiError], str] = {
    Unauthorized: "{url} does not accept {key}.",
    Forbidden: "Your key may not do this.",
    Invalid: "The request was refused:",
    TooManyRequests: "{url} asks to slow down.",
    Unavailable: "{url} is busy or starting; try again in a moment.",
    ServerFault: "{url} has failed ({status}); its log says why.",
}


_NOT_OURS = {"", "no_detail", "http_error"}  # a path that no platform has; what is missing in one has a type of its own


def explain(error: VaiError, settings: Settings) -> list[str]:
    """The lines to print for `error`."""
    if isinstance(error, ServerUnreachable):
        reason = error.reason.rstrip(".")
        return [
            f"No answer from {error.url}: {reason}.",
            "Start the stack with `make up`, or set VAI_API_URL (with VAI_API_KEY) to the address of yours.",
        ]
    if not isinstance(error, ApiError):
        return [str(error)]
    if isinstance(error, NotFound) and all(line.type in _NOT_OURS for line in error.detail):
        return [
            f"{settings.api_url} answers, but has no {error.path}: it is not the platform's address.",
            "Give the address that stands before /api/v1"
            + (f"; this one is from {settings.url_from}." if settings.url_from else "."),
        ]
    key = f"the API key from {settings.key_from}" if settings.key_from else "a request without an API key"
    first = next((line for kind, line in FIRST_LINES.items() if isinstance(error, kind)), None)
    lines = [first.format(url=settings.api_url, key=key, status=error.status)] if first else []
    lines += [f"  {line}" if first else str(line) for line in error.detail]
    if isinstance(error, Unauthorized):
        lines.append(
            "Set VAI_API_URL with VAI_API_KEY, or take a profile (vai profile), or go to the folder of `make up`."
        )
    return lines
