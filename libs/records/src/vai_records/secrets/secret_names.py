"""What tells that a value is a credential: the name that it has, or the form of its text."""

import itertools
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

_WORD: Final = frozenset(
    (
        "assertion",
        "auth",
        "authorization",
        "bearer",
        "cvc",
        "cvv",
        "jsessionid",
        "phpsessid",
        "sessionid",
        "cookie",
        "credential",
        "credentials",
        "dsn",
        "hmac",
        "jwt",
        "pass",
        "passcode",
        "pw",
    )
) | frozenset(("csrf", "pgpass", "pwd", "session", "sid", "sig", "sign", "signature", "xsrf"))
_MAY_BE: Final = frozenset(("code", "mfa", "otp", "pat", "pin", "totp"))
"""Words that name credentials and much else: the value decides (`is_secret_value`)."""

_SHORT_CODE = re.compile(r"[0-9]{4,12}")
_TOKEN = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9._~+/=-]{12,4096}")
_ENDS: Final = (
    "apikey",
    "accesskey",
    "authkey",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "token",
)
_MANY: Final = tuple(f"{end}s" for end in _ENDS if end != "token")
"""`tokens` count words in the APIs of language models; those that open something say whose they are."""
_KEY_OWNERS: Final = (
    frozenset(
        (
            "access",
            "account",
            "admin",
            "api",
            "app",
            "application",
            "auth",
            "client",
            "consumer",
            "developer",
            "encryption",
            "fastly",
            "functions",
            "genie",
        )
    )
    | frozenset(
        (
            "host",
            "insert",
            "licence",
            "license",
            "master",
            "private",
            "rapidapi",
            "secret",
            "security",
            "service",
            "shared",
            "signing",
            "ssh",
        )
    )
    | frozenset(("server", "subscription", "webhook", "write"))
)
_TOKEN_OWNERS: Final = frozenset(("access", "api", "auth", "bearer", "id", "refresh", "session"))
_VENDORS: Final = frozenset(("xhoneycombteam",))
"""Headers whose names say nothing."""

_NAMES_OF_PAIRS: Final = ("name", "key", "header", "headername", "field", "fieldname", "param", "parameter")
"""Fields that hold a name beside which its value stands: `{"name": "Authorization", "value": "…"}`."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PLACES: Final = frozenset(("endpoint", "expires", "header", "location", "name", "path", "type", "uri", "url", "ttl"))
_AUTHORITY = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([^/?#]*)@|[A-Za-z][A-Za-z0-9+.-]*:[^/?#\s@][^/?#\s@:]*:[^?#\s@]+@"
)
_BARE_USER = re.compile(r"(?!mailto:)[^/\s:@]+:[^/\s@]+@[^\s@]+")
_VALUE = re.compile(r"=\s*[^\s;&,=]")
_NAME = re.compile(r"[A-Za-z0-9_. -]{1,64}\Z")
_LONGEST_NAME: Final = 64
_LOOKED_AT: Final = 16_384
"""Characters of a text in which names are looked for: connection strings and addresses are shorter."""
_FORM = re.compile(r"\s*(?:Bearer|Basic|Token)\s+[A-Za-z0-9._~+/=-]{6,}")
# The same within a text: what follows has a digit, or it may be a sentence about credentials.
_FORM_WITHIN = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?:Bearer|Basic|Token)\s{1,8}(?=[A-Za-z._~+/=-]{0,64}[0-9])[A-Za-z0-9._~+/=-]{12}"
    r"|(?:gh[pousr]|sk_live|sk_test|rk_live|xox[abeprs]|shpat|shpss|shpca|shppa|glpat|dop_v1|npm)[_-][A-Za-z0-9_-]{8}"
    r"|eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8})|-----BEGIN [A-Z ]{0,32}PRIVATE KEY"
)


_HOOK = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/|(?:[a-z]+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
    r"|api\.telegram\.org/(?:file/)?bot|[a-z0-9-]+\.webhook\.office\.com/|outlook\.office(?:365)?\.com/webhook/"
    r"|hooks\.zapier\.com/hooks/|hook\.[a-z0-9.]+\.make\.com/|maker\.ifttt\.com/trigger/)[^/?#]",
    re.IGNORECASE,
)


@lru_cache(4_096)
def looks_secret(name: str) -> bool:
    """Whether the name of a header, a parameter or a field says that its value is a credential."""
    words = [word.lower() for word in _WORDS.findall(name[:256])]
    if words == ["key"] or "".join(words) in _VENDORS:
        return True
    if any(word in _WORD or word.endswith((*_ENDS, *_MANY)) for word in words):
        return True
    pairs = itertools.pairwise(words)
    return any(
        (after in ("key", "keys") and before in _KEY_OWNERS)
        or (after == "tokens" and before in _TOKEN_OWNERS)
        or (before, after) == ("connection", "string")
        for before, after in pairs
    )


def means_a_place(name: str) -> bool:
    """Whether a name that looks secret is that of something about the secret: `token_url`, `api_key_name`."""
    words = _WORDS.findall(name[:256])
    return bool(words) and words[-1].lower() in _PLACES


def has_secret_form(text: str) -> bool:
    """Whether a text is of a form that only credentials have, or holds one: `Bearer …`, a vendor's token, a key."""
    return _FORM.match(text) is not None or _FORM_WITHIN.search(text[:_LOOKED_AT]) is not None


def has_secret_path(url: str) -> bool:
    """Whether an address is one that whoever knows it may send to: the webhooks of chats and of no-code tools."""
    return _HOOK.match(url) is not None


def is_secret_value(name: str, value: object) -> bool:
    """Whether a header, a parameter or a field is a credential: its name says so, or it may be one and its value looks
    like one (a PIN of digits, a code or a personal token of letters and digits)."""
    return looks_secret(name) or (isinstance(value, str | int) and _is_code(name, f"{value}"))


def value_of_pair(pair: Mapping[Any, Any]) -> tuple[str, Any] | None:
    """The name in an object that is a name and its value, and the key of the value; None for any other object."""
    value = next((key for key in pair if isinstance(key, str) and key.lower() == "value"), None)
    if value is None:
        return None
    plain = {key.lower().replace("_", ""): said for key, said in pair.items() if isinstance(key, str)}
    return next(((said, value) for key in _NAMES_OF_PAIRS if isinstance(said := plain.get(key), str)), None)


def _is_code(name: str, value: str) -> bool:
    word = _last_word(name)
    if word not in _MAY_BE:
        return False
    return _TOKEN.fullmatch(value) is not None or (
        word not in ("code", "pat") and _SHORT_CODE.fullmatch(value) is not None
    )


@lru_cache(4_096)
def _last_word(name: str) -> str:
    words = _WORDS.findall(name[:256])
    return words[-1].lower() if words else ""


def secret_in_text(text: str) -> str | None:
    """What is secret in a text that should hold none (an address, a connection string), in words; None: nothing."""
    plain = text.strip().replace("\\", "/")
    if has_secret_form(text):
        return "a token or key"
    if _has_user(plain):
        return "a user or a password in an address"
    for name in _names(plain):
        if looks_secret(name) and not means_a_place(name):
            return f"the value of {name[:60]!r} in a text"
    for name, value in _parameters(plain):
        if _is_code(name, value):
            return f"the value of {name[:60]!r} in a text"
    return None


def _parameters(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(text[:_LOOKED_AT]).query)
    except ValueError:
        return []


def _has_user(text: str) -> bool:
    if _AUTHORITY.match(text) or _BARE_USER.fullmatch(text):
        return True
    if "@" not in text or "://" not in text:
        return False
    try:
        return urlsplit(text).port == -1
    except ValueError:
        return True  # what stands where a port should be is a password with a slash in it


def _names(text: str) -> list[str]:
    """Names that are given a value within a text: parameters of an address, parts of a connection string."""
    text = text[:_LOOKED_AT]
    found = []
    for value in _VALUE.finditer(text):
        # From the sign backwards: a name that is looked for from its beginning costs its length again for each letter.
        window = text[max(0, value.start() - _LONGEST_NAME) : value.start()].rstrip()
        if name := _NAME.search(window):
            found.append(name[0].lstrip("0123456789_. -"))
    try:
        parts = urlsplit(text)
    except ValueError:
        return found
    given = [*parse_qsl(parts.query), *parse_qsl(parts.fragment)]
    return found + [name for name, value in given if value]
