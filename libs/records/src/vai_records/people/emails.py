"""Emails as people are known by: one spelling for each, so that none can pass for another."""

import re

LONGEST = 254

_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")


class NoEmail(ValueError):
    """This is no email address."""


def email_of(given: object) -> str:
    """The address in lower case. Raises `NoEmail`.

    ASCII alone, before lower case is taken: U+212A KELVIN SIGN, made lower case, is a plain `k`.
    """
    if isinstance(given, str):
        plain = given.strip(" ")
        if plain.isascii() and len(plain) <= LONGEST and _EMAIL.fullmatch(plain.lower()):
            return plain.lower()
    raise NoEmail("must be an email address: name@host, ASCII letters only")
