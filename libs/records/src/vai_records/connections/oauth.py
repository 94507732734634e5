"""OAuth 2.0 (RFC 6749) of a connection: how its access token is asked for, and what the answer means.

`config.auth` says it: `type` (one of `GRANTS`), `access_token_url`, `scope`, `audience`, `subject` (for whom a service
account acts), `access_token_request_data` (whatever else the vendor wants), `token_endpoint_auth_method` and
`default_token_expiration` (seconds, where the answer names none). The names are dlt's, and those of RFC 7591.
`client_id`, `client_secret` and `refresh_token` are credentials; a service account's are in `connections.assertions`.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self
from urllib.parse import quote_plus, urlsplit

import orjson

from vai_records.connections.assertions import Signer, check_key

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS: Final = {
    "oauth2_client_credentials": "client_credentials",
    "oauth2_refresh_token": "refresh_token",
    "oauth2_jwt_bearer": JWT_BEARER,
}
METHODS: Final = ("client_secret_post", "client_secret_basic", "none")
SETTINGS: Final = frozenset(
    ("access_token_url", "scope", "audience", "subject", "access_token_request_data", "token_endpoint_auth_method")
) | frozenset(("default_token_expiration",))
"""Words of `config.auth` beside those of every kind of credentials."""

KEPT: Final = ("client_secret", "refresh_token", "private_key", "private_key_id")
"""Credentials that nobody needs who has an access token."""

_DEFAULT_SECONDS: Final = 3600
_LONGEST_SECONDS: Final = 366 * 86_400
_MARGIN_SECONDS: Final = 60.0
_MOST_FIELDS: Final = 50
_OURS: Final = frozenset(("grant_type", "client_id", "client_secret", "refresh_token", "assertion"))


class Unfit(ValueError):
    """OAuth settings that nothing can be done with; `field` names the part, the message never shows a value."""

    def __init__(self, message: str, *field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class AccessToken:
    """An access token. Times are seconds since 1970: from `renew_at` on a new one is got, at `ends_at` it ends."""

    text: str = field(repr=False)
    renew_at: float
    ends_at: float


@dataclass(frozen=True)
class Answer:
    """What a token endpoint gave; `refresh_token` is the new one where it rotates."""

    token: AccessToken
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class OAuth:
    """All that a request for an access token needs."""

    url: str
    grant: str
    client_id: str
    client_secret: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    method: str
    extra: dict[str, str]
    seconds: float
    signer: Signer | None = field(default=None, repr=False)

    @property
    def fingerprint(self) -> str:
        """A token that was got with other settings or credentials is not used: this tells them apart."""
        told = (
            self.url,
            self.grant,
            self.client_id,
            self.client_secret,
            self.refresh_token,
            sorted(self.extra.items()),
            *((self.signer.fingerprint,) if self.signer else ()),
        )
        return hashlib.sha256(orjson.dumps(told)).hexdigest()

    def rotated(self, refresh_token: str) -> Self:
        return replace(self, refresh_token=refresh_token)

    def request(self) -> tuple[dict[str, str], dict[str, str]]:
        """The headers and the form's fields of the request for a token."""
        headers = {"Accept": "application/json"}
        form = {**self.extra, "grant_type": self.grant}
        if self.grant == "refresh_token":
            form["refresh_token"] = self.refresh_token or ""
        if self.signer is not None:
            return headers, {**form, "assertion": self.signer.assertion()}
        if self.method == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.client_id
            if self.method == "client_secret_post":
                form["client_secret"] = self.client_secret or ""
        return headers, form

    def read(self, answer: Any, now: float) -> Answer:
        """The token of a successful answer (JSON); `now` is in seconds since 1970. Raises `ValueError`."""
        text = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not 0 < len(text) <= 65_536:
            raise ValueError("it has no usable access_token")
        seconds = _seconds(answer.get("expires_in"), self.seconds)
        margin = min(_MARGIN_SECONDS, seconds / 10)
        new = answer.get("refresh_token")
        moved = isinstance(new, str) and new and new != self.refresh_token and self.grant == "refresh_token"
        return Answer(AccessToken(text, now + seconds - margin, now + seconds), new if moved else None)


def needs_token(config: Mapping[str, Any]) -> bool:
    """Whether a connection's access token is got."""
    auth = config.get("auth")
    return isinstance(auth, Mapping) and str(auth.get("type")) in GRANTS


def oauth_of(known: Mapping[str, Any], config: Mapping[str, Any]) -> OAuth | None:
    """How a connection's token is got; None for one that needs none. Raises `Unfit`."""
    if not needs_token(config):
        return None
    auth: Mapping[str, Any] = config["auth"]
    grant = GRANTS[auth["type"]]
    if grant == JWT_BEARER:
        return _signed(known, auth)
    method = auth.get("token_endpoint_auth_method", METHODS[0])
    if method not in METHODS:
        raise Unfit(f"config.auth.token_endpoint_auth_method is one of {', '.join(METHODS)}", "client_secret")
    found = OAuth(
        url=_address(auth.get("access_token_url")),
        grant=grant,
        client_id=_given(known, "client_id", required=True) or "",
        client_secret=_given(known, "client_secret", required=method != "none"),
        refresh_token=_given(known, "refresh_token", required=grant == "refresh_token"),
        method=str(method),
        extra=_extra(auth),
        seconds=_seconds_of(auth.get("default_token_expiration", _DEFAULT_SECONDS)),
    )
    if grant == "client_credentials" and method == "none":
        raise Unfit(
            "client credentials need a client_secret: token_endpoint_auth_method cannot be none", "client_secret"
        )
    return found


def _signed(known: Mapping[str, Any], auth: Mapping[str, Any]) -> OAuth:
    url, extra = _address(auth.get("access_token_url")), _extra(auth)
    issuer = _given(known, "client_email", required=True) or ""
    key = _given(known, "private_key", required=True) or ""
    try:
        check_key(key)
    except ValueError as error:
        raise Unfit(str(error), "private_key") from None
    subject = auth.get("subject")
    if subject is not None and not isinstance(subject, str):
        raise Unfit("config.auth.subject is a text: the address of the user for whom the account acts")
    audience, scope = extra.pop("audience", url), extra.pop("scope", None)
    signer = Signer(issuer, key, _given(known, "private_key_id", required=False), audience, scope, subject)
    seconds = _seconds_of(auth.get("default_token_expiration", _DEFAULT_SECONDS))
    return OAuth(url, JWT_BEARER, issuer, None, None, "none", extra, seconds, signer)


def _given(known: Mapping[str, Any], name: str, *, required: bool) -> str | None:
    value = known.get(name)
    if isinstance(value, str) and value:
        return value
    if required:
        raise Unfit(f"config.auth says OAuth 2, which needs {name}", name)
    return None


def _address(value: Any) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) and len(value) <= 2000 else None
        usable = parts is not None and parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable:
        raise Unfit("config.auth.access_token_url is the https address where tokens are got")
    return str(value)


def _extra(auth: Mapping[str, Any]) -> dict[str, str]:
    data = auth.get("access_token_request_data", {})
    if not isinstance(data, Mapping) or not all(isinstance(value, str) for value in data.values()):
        raise Unfit("config.auth.access_token_request_data is an object: name to text")
    if len(data) > _MOST_FIELDS:
        raise Unfit(f"config.auth.access_token_request_data has {len(data)} fields; it may have {_MOST_FIELDS}")
    if taken := sorted(_OURS & data.keys()):
        raise Unfit(f"config.auth.access_token_request_data: {taken[0]} is made of the credentials; take it out")
    extra = {str(name): str(value) for name, value in data.items()}
    for name in ("scope", "audience"):
        if (value := auth.get(name)) is not None:
            if not isinstance(value, str):
                raise Unfit(f"config.auth.{name} is a text; several scopes are separated by spaces")
            extra[name] = value
    return extra


def _seconds_of(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= _LONGEST_SECONDS:
        raise Unfit(f"config.auth.default_token_expiration is a number of seconds from 1 to {_LONGEST_SECONDS}")
    return float(value)


def _seconds(value: Any, default: float) -> float:
    """How long a token lives: `expires_in`, which some write as text. Nonsense counts as not said."""
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else default
    except ValueError:
        return default
    return min(found, _LONGEST_SECONDS) if found > 0 else default
