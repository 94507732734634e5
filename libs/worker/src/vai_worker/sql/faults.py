"""Errors of a database as errors of the error model (decision 25). No message quotes a row's value."""

import re

from vai_common.errors import ErrorCode, Permanent, Retryable, RunError

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_LONGEST = 300


class Gone(Permanent):
    """The table or view does not exist."""


class Silent(Retryable):
    """The database has sent nothing for so many `seconds` (of the details)."""


def gone(shown: str, near: list[str] | None = None) -> Gone:
    hint = f" There is {', '.join(near)}: names are spelled as the database has them." if near else ""
    text = f"There is no table or view {shown}; check its name, its schema, and that the user may see it.{hint}"
    return Gone(ErrorCode.DATA_ERROR, text, {"table": shown})


def unquoted(message: str) -> str:
    """A server's message without its quoted parts, which may be a row's values."""
    return " ".join(_QUOTED.sub("…", message).split())[:_LONGEST]


def refuses(place: str, user: str | None) -> Permanent:
    text = f"{place} refuses the user {user!r} or its password. Correct the connection's credentials."
    return Permanent(ErrorCode.AUTH_ERROR, text, {"place": place})


def may_not_read(shown: str) -> Permanent:
    text = f"The user of the connection may not read {shown}: grant it SELECT on it, and USAGE on its schema."
    return Permanent(ErrorCode.AUTH_ERROR, text, {"table": shown})


def unreachable(place: str, reason: str) -> RunError:
    text = f"{place} does not answer ({reason}); check the address, or try again later."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"place": place})


def lost(place: str, reason: str) -> RunError:
    text = f"The connection to {place} was lost ({reason}). What was committed stays; the next attempt goes on there."
    return Retryable(ErrorCode.CONNECTION_ERROR, text, {"place": place})


def silent(place: str, seconds: float) -> RunError:
    text = f"{place} sent nothing for {seconds:g} s: the statement takes long, or waits for a lock. An index on the "
    text += "column by which the table is cut helps; read_timeout_seconds says how long to wait."
    return Silent(ErrorCode.CONNECTION_ERROR, text, {"place": place, "seconds": seconds})


def failed(place: str, shown: str, code: str, message: str, retryable: bool = False) -> RunError:
    """The error for a statement that the server refuses."""
    text = f"{place} could not read {shown} ({code}: {unquoted(message)})"
    if retryable:
        return Retryable(ErrorCode.CONNECTION_ERROR, f"{text}.", {"table": shown, "code": code})
    text = f"{text}. Try the same SELECT there; a view may name a column that no longer exists."
    return Permanent(ErrorCode.DATA_ERROR, text, {"table": shown, "code": code})


def untrusted(place: str, reason: str) -> Permanent:
    text = f"The certificate of {place} is not valid for it ({unquoted(reason)}). Put its issuer's certificate into "
    text += "config.ca_certificate, or lower config.sslmode to require, which checks none."
    return Permanent(ErrorCode.CONNECTION_ERROR, text, {"place": place})


def no_tls(place: str) -> Permanent:
    text = f"{place} speaks no TLS, which config.sslmode asks for. Switch it on there, or set sslmode to prefer."
    return Permanent(ErrorCode.CONNECTION_ERROR, text, {"place": place})
