"""Decides whether a column seems to have personal data or secrets. Then its values are not shown."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from vai_records.secrets.secret_names import has_secret_form, looks_secret, secret_in_text

_PERSONAL: Final = (
    *("email", "mail", "phone", "mobile", "fax", "firstname", "lastname", "fullname", "surname", "givenname"),
    *("familyname", "birth", "dob", "ssn", "socialsecurity", "passport", "iban", "street", "address", "postcode"),
    *("zip", "latitude", "longitude", "ip", "salary", "gender", "taxid", "vatid", "creditcard", "cardnumber"),
)
_WHOLE: Final = ("name", "zip", "ip", "dob", "ssn", "iban", "mail", "city", "lat", "lon", "lng")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@.]{1,200}\.[^\s@]{2,60}")
_EMAIL_INSIDE = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{6,18}[0-9]")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_CARD = re.compile(r"(?:[0-9][ -]?){12,18}[0-9]")
_TOKEN = re.compile(r"(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|eyJ|tvly|shp(?:at|ca|ss))[A-Za-z0-9_.-]{12,}")
_SHARE = 0.2
"""The share of values with one form that is enough to judge the whole column."""


def masked_as(name: str, values: Sequence[str]) -> str | None:
    """`secret`, `personal data`, or None for a column whose values may be shown."""
    if looks_secret(name) or _are(values, _is_secret):
        return "secret"
    words = [word.lower() for word in _WORDS.findall(name)]
    joined = "".join(words)
    if joined in _WHOLE or any(part in joined for part in _PERSONAL if len(part) > 4) or set(words) & set(_PERSONAL):
        return "personal data"
    return "personal data" if _are(values, _is_personal) else None


def may_show(value: str | None) -> bool:
    """Whether one value, of a column that is not masked, has no form of personal data or of a secret."""
    return value is None or not (_is_secret(value) or _is_personal(value) or _EMAIL_INSIDE.search(value))


def _are(values: Sequence[str], has_form: Callable[[str], bool]) -> bool:
    return bool(values) and sum(map(has_form, values)) >= max(1, _SHARE * len(values))


def _is_secret(value: str) -> bool:
    return bool(_TOKEN.match(value)) or has_secret_form(value) or secret_in_text(value) is not None


def _is_personal(value: str) -> bool:
    """An e-mail address, an IBAN, a phone or card number. Digits alone do not count: they may be an amount or an id."""
    if _EMAIL.fullmatch(value) or _IBAN.fullmatch(value):
        return True
    if not re.search(r"[ +()-]", value):
        return False
    is_date = re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
    return not is_date and bool(_PHONE.fullmatch(value) or _CARD.fullmatch(value))
