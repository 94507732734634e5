"""The form of an address on the web, as definitions give it."""

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

_AUTHORITY = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)
_DOMAIN = re.compile(r"(?!-)(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9.]+")


def check_address(url: str, *, paths: bool = False) -> str:
    """The address itself. Raises ValueError that says what is wrong; `paths`: whether `/path` will do."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError("a url has no spaces, control characters or backslashes: percent-encode them")
    authority = _AUTHORITY.match(url)
    if authority is None and not (paths and re.match(r"/(?!/)", url)):
        more = ", or with / for a path of the connection" if paths else ""
        raise ValueError(f"a url starts with https:// or http://{more}")
    if authority is not None and "@" in authority[1]:
        place = "a connection or the Authorization header" if paths else "http_request with a connection"
        raise ValueError(f"a url holds no user name or password: use {place}")
    if authority is not None and not _has_a_real_port(authority[1]):
        raise ValueError("a port is a number between 1 and 65535")
    return url


def _has_a_real_port(authority: str) -> bool:
    _, colon, port = authority.rpartition("]")[2].partition(":")
    return not colon or (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65_535)


def _check_domain(domain: str) -> str:
    plain = _plain(domain)
    if not is_domain(plain):
        raise ValueError(f"{domain[:100]!r} is no domain: write it as example.com, without https:// and path")
    return plain.lower()


def _check_host(host: str) -> str:
    with suppress(ValueError):
        return str(ip_address(host.removeprefix("[").removesuffix("]")))
    plain = _plain(host)
    if not (is_domain(plain) or _NAME.fullmatch(plain)):
        text = (
            "is no domain and no host: write it as example.com, intranet or 10.1.2.3, without https://, port and path"
        )
        raise ValueError(f"{host[:100]!r} {text}")
    return plain.lower()


def _plain(name: str) -> str:
    """As DNS writes it; "" where it can't be written so."""
    try:
        return name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        return ""


def is_domain(name: str) -> bool:
    """Whether there may be hosts below a name: not so for one without a dot (localhost, com), and for an address."""
    return bool(_DOMAIN.fullmatch(name)) and not _ADDRESS.fullmatch(name)


WebAddress = Annotated[str, Field(max_length=8_192), AfterValidator(check_address)]
"""An absolute http or https address."""

Domain = Annotated[str, Field(max_length=253), AfterValidator(_check_domain)]
"""A host's name: example.com. Kept in lower case, and as DNS writes it."""

Host = Annotated[str, Field(max_length=253), AfterValidator(_check_host)]
"""A domain, a name without a dot (localhost, intranet), or an IP address; kept as it is compared."""
