"""Requests as lines for a shell in which VAI_API_URL and VAI_API_KEY are set.

`$N` in a body is a number that differs from paste to paste, `$HOUR_AGO` a time, `$SECRET` a new webhook's secret.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_TAKE = """import json, sys; print(json.load(sys.stdin)["{key}"])"""
_SETUP = {
    "$N": "N=$RANDOM",
    "$HOUR_AGO": "HOUR_AGO=$(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)",
    "$SECRET": "SECRET=whsec_$(openssl rand -base64 24)",
}
_SIGN = (
    "NOW=$(date +%s)",
    """KEY=$(printf %s "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')""",
    'SIGNATURE=$(printf %s "msg_$N.$NOW.$BODY" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64)',
)
_SIGNED = {"webhook-id": "msg_$N", "webhook-timestamp": "$NOW", "webhook-signature": "v1,$SIGNATURE"}
_STATIC = {
    "$N": "7",
    "$HOUR_AGO": "2026-01-22T13:30:00Z",
    "$SECRET": "whsec_your_secret_here",
    "$INVITATION": "vai_inv_your_token_here",
}


@dataclass(frozen=True)
class Given:
    """A request to send before, with a value of its answer kept in a shell variable.

    It is a GET where there is no body, and a POST where `method` says nothing else.
    """

    variable: str
    path: str
    body: Json | None
    key: str = "id"
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    @property
    def line(self) -> str:
        request = _curl("GET" if self.body is None else self.method, self.path, self.body, self.headers)
        return f"{self.variable}=$({request} | python3 -c '{_TAKE.format(key=self.key)}')"


@dataclass(frozen=True)
class Example:
    """A request to an operation. `token`: with the token of a `Given` instead of the key.

    `signed`: as a webhook, instead of the key. `places` are values of path parameters that are no variables.
    """

    body: Json | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    given: tuple[Given, ...] = ()
    token: bool = False
    options: str = ""
    signed: bool = False
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> Any:
        """The body with plain words instead of variables."""
        text = json.dumps(self.body)
        for name, word in _STATIC.items():
            text = text.replace(name, word)
        return json.loads(text)

    def shell(self, method: str, path: str) -> str:
        """The lines to paste."""
        text = "\n".join([*self._signing(), *(one.line for one in self.given), self._request(method, path)])
        setup = [line for word, line in _SETUP.items() if word in text]
        return "\n".join([*setup, text])

    def _signing(self) -> tuple[str, ...]:
        return (f"BODY={_quoted(json.dumps(self.body))}", *_SIGN) if self.signed else ()

    def _request(self, method: str, path: str) -> str:
        place = re.sub(r"\{(\w+)\}", lambda found: self.places.get(found[1], f"${{{found[1].upper()}}}"), path)
        if self.signed:
            words = ["curl", "-s", "-X", method.upper(), f'"$VAI_API_URL{place}"']
            words += [f'-H "{name}: {value}"' for name, value in _SIGNED.items()]
            return " ".join([*words, "-H 'Content-Type: application/json' -d \"$BODY\""])
        return _curl(method.upper(), place + self.query, self.body, self.headers, self.options, token=self.token)


def _curl(
    method: str,
    place: str,
    body: Json | None,
    headers: Mapping[str, str] | None = None,
    options: str = "",
    *,
    token: bool = False,
) -> str:
    words = ["curl", "-s", *([options] if options else []), *(["-X", method] if method != "GET" else [])]
    words.append(f'"$VAI_API_URL{place}"')
    words += ["-H", '"Authorization: Bearer $TOKEN"' if token else '"X-API-Key: $VAI_API_KEY"']
    for name, value in (headers or {}).items():
        words += ["-H", f"'{name}: {value}'"]
    if body is not None:
        words += ["-H", "'Content-Type: application/json'", "-d", _quoted(json.dumps(body))]
    return " ".join(words)


def _quoted(text: str) -> str:
    """In single quotes, with our variables outside of them."""
    return "'" + re.sub(r"\$(N|HOUR_AGO|SECRET)\b", "'\"$\\1\"'", text.replace("'", "'\\''")) + "'"
