"""What is refused of a connection's credentials when it is saved: whatever nobody could use later."""

from collections.abc import Mapping
from typing import Any

from vai_records.connections.credentials import (
    HEADER_WORDS,
    KINDS,
    Unusable,
    http_credentials,
    location_of,
    mapping_of,
)
from vai_records.connections.oauth import GRANTS, SETTINGS, Unfit, oauth_of

_PLAIN = ("client_id", "header", "location", "name", "type", "user", "username")
_SECRET = ("token", "access_token", "api_key", "password", "access_key_id", "secret_access_key", "session_token")
_OAUTH = ("client_id", "client_secret", "refresh_token")
_SIGNING = ("client_email", "private_key", "private_key_id")
_BY_GRANT = dict.fromkeys(GRANTS, _OAUTH) | {"oauth2_jwt_bearer": _SIGNING}
_KNOWN = frozenset((*_PLAIN, *_SECRET, *_OAUTH, *_SIGNING, "headers"))
_AUTH = frozenset(("type", "name", "header", "location", "prefix")) | SETTINGS
_NO_TEXT = frozenset(("access_token_request_data", "default_token_expiration"))


def check_credentials(known: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Hold credentials that are to be stored against what they can mean. Raises `Unusable`."""
    if unknown := sorted(known.keys() - _KNOWN):
        names = ", ".join(sorted(_KNOWN))
        raise Unusable(f"nothing here knows what {unknown[0][:60]!r} means; known are {names}", unknown[0])
    for name, value in known.items():
        if name == "headers":
            _check_headers(value)
        elif not isinstance(value, str):
            raise Unusable("give it as text", name)
    auth = config.get("auth")
    _check_auth(auth)
    by_oauth = _check_oauth(known, config, mapping_of(config, "auth"))
    if known.get("api_key") is None and set(HEADER_WORDS) & known.keys():
        raise Unusable("name, header and location say where an api_key goes, and there is none", "api_key")
    if ("access_key_id" in known) != ("secret_access_key" in known):
        raise Unusable("access_key_id and secret_access_key go together", "access_key_id")
    if "password" in known and not {"username", "user"} & known.keys():
        raise Unusable("a password needs a username", "username")
    location_of(known, mapping_of(config, "auth"))
    for_a_store = "access_key_id" in known and not mapping_of(config, "auth")
    if (known and not for_a_store) or mapping_of(config, "headers"):
        http_credentials({**known, "access_token": "-"} if by_oauth else known, config)


def _check_oauth(known: Mapping[str, Any], config: Mapping[str, Any], auth: Mapping[str, Any]) -> bool:
    """Whether these are for OAuth 2. Raises `Unusable` for what is half of it."""
    if auth.get("type") not in GRANTS:
        if found := [name for name in (*_OAUTH, *_SIGNING) if name in known]:
            words = " or ".join(GRANTS)
            raise Unusable(f"{found[0]} needs config.auth of the type {words}, with an access_token_url", found[0])
        if found := sorted(SETTINGS & auth.keys()):
            raise Unusable(f"config.auth.{found[0]} is for the types {' and '.join(GRANTS)}")
        return False
    if other := sorted(known.keys() - {*_BY_GRANT[auth["type"]], "headers"}):
        raise Unusable(f"config.auth says {auth['type']}: the access token is got, {other[0]} is not used", other[0])
    if known:
        try:
            oauth_of(known, config)
        except Unfit as error:
            raise Unusable(str(error), *error.field) from error
    return True


def _check_headers(value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        raise Unusable("headers are an object: name to text", "headers")


def _check_auth(auth: Any) -> None:
    if auth is None:
        return
    if not isinstance(auth, Mapping) or auth.keys() - _AUTH:
        raise Unusable(f"config.auth is an object of {', '.join(sorted(_AUTH))}")
    texts = all(isinstance(value, str) for name, value in auth.items() if name not in _NO_TEXT)
    if not texts or auth.get("type", "none") not in KINDS:
        raise Unusable(f"config.auth.type is one of {', '.join(KINDS)}; name, location and prefix are texts")
