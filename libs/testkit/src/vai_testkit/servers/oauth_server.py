"""A token endpoint by the rules of RFC 6749: oauthlib's own server decides, over HTTP on loopback.

`clients` are {id: secret}. Refresh tokens are good once where `rotates`; a token is `good` until it ends or is revoked.
"""

import base64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from oauthlib.common import extract_params
from oauthlib.oauth2 import RequestValidator
from oauthlib.oauth2.rfc6749.endpoints import TokenEndpoint
from oauthlib.oauth2.rfc6749.grant_types import ClientCredentialsGrant, RefreshTokenGrant
from oauthlib.oauth2.rfc6749.tokens import BearerToken

from vai_common.clock import now
from vai_testkit.servers.json_api import Ask, FakeApi, Say

PATH = "/oauth/token"


class _Validator(RequestValidator):  # type: ignore[misc]
    """What oauthlib asks about clients and tokens."""

    def __init__(self, server: "OAuthServer") -> None:
        self._server = server

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        name, secret = _client(request)
        if self._server.clients.get(name) != secret or not name:
            return False
        request.client = type("Client", (), {"client_id": name})()
        return True

    def validate_grant_type(self, client_id: Any, grant_type: str, client: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return ["read"]

    def get_original_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return ["read", "write"]

    def validate_scopes(self, client_id: Any, scopes: list[str], *args: Any, **kwargs: Any) -> bool:
        return set(scopes) <= {"read", "write"}

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        if refresh_token not in self._server.refresh_tokens:
            return False
        request.user = "somebody"
        if self._server.rotates:
            self._server.refresh_tokens.discard(refresh_token)
        return True

    def rotate_refresh_token(self, request: Any) -> bool:
        return self._server.rotates

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        self._server.given[token["access_token"]] = now().timestamp() + token["expires_in"]
        if new := token.get("refresh_token"):
            self._server.refresh_tokens.add(new)


@dataclass
class OAuthServer:
    """Listens on an API's `/oauth/token`; `asked` are the forms that came, `says` an answer in place of its own."""

    api: FakeApi
    clients: dict[str, str] = field(default_factory=lambda: {"the-client": "the secret, ä/+&"})
    refresh_tokens: set[str] = field(default_factory=set)
    rotates: bool = False
    seconds: int = 3600
    given: dict[str, float] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    says: Say | None = None

    def __post_init__(self) -> None:
        validator = _Validator(self)
        bearer = BearerToken(validator, expires_in=lambda request: self.seconds)
        grants = {
            "client_credentials": ClientCredentialsGrant(validator),
            "refresh_token": RefreshTokenGrant(validator),
        }
        self._endpoint = TokenEndpoint("client_credentials", bearer, grants)
        self.api.paths[PATH] = self._answer

    @property
    def url(self) -> str:
        return self.api.url + PATH

    def good(self, ask: Ask) -> bool:
        """Whether a request carries a token that is good now."""
        return self.given.get(ask.headers.get("authorization", "").removeprefix("Bearer "), 0) > now().timestamp()

    def revoke(self) -> None:
        self.given.clear()

    def _answer(self, ask: Ask) -> Say:
        self.asked.append({name: values[-1] for name, values in parse_qs(ask.body.decode()).items()})
        if self.says is not None:
            return self.says
        headers, body, status = self._endpoint.create_token_response(
            f"https://vendor.example{ask.target}", ask.method, ask.body.decode(), dict(ask.headers)
        )
        return Say(status=status, headers=headers, raw=body.encode())


def _client(request: Any) -> tuple[str, str]:
    """By RFC 6749, 2.3.1: Basic, whose parts are form-encoded, or in the body."""
    word, _, value = (request.headers.get("authorization") or "").partition(" ")
    if word == "Basic":
        name, _, secret = base64.b64decode(value).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)
    given = dict(extract_params(request.body) or [])
    return given.get("client_id", ""), given.get("client_secret", "")
